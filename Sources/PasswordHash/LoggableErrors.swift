// The errors of this module that explain themselves in a log line.

import Accounts

extension HashingError: LoggableError {}
extension BlocklistError: LoggableError {}
