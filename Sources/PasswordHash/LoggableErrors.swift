import Accounts

extension HashingError: LoggableError {}
extension BlocklistError: LoggableError {}
