print("sessions")
