// The errors of this module that a log line can explain.

import Accounts

extension KeyError: LoggableError {}
extension TokenError: LoggableError {}
extension RandomError: LoggableError {}
