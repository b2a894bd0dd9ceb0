print("password")
