print("logout")
