// PasswordHash
