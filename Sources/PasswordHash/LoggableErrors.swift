// The errors of this module that a log line can explain.

import Accounts

extension HashingError: LoggableError {}
extension BlocklistError: LoggableError {}
