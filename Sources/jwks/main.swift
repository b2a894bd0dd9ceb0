print("jwks")
