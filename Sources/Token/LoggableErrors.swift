// The errors of this module that explain themselves in a log line.

import Accounts

extension KeyError: LoggableError {}
extension TokenError: LoggableError {}
extension RandomError: LoggableError {}
