import Accounts

extension KeyError: LoggableError {}
extension TokenError: LoggableError {}
extension RandomError: LoggableError {}
