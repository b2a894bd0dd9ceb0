print("revoke")
