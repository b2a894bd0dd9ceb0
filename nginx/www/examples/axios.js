// axios: one instance for the API that needs the login.
import axios from "axios";
import { createAuth, SignedOut } from "../tallystick.js";

export const auth = createAuth();
export const api = axios.create({ baseURL: "/api" });
auth.attach(api);

export async function echo(message) {
  try {
    return (await api.post("/echo", { message })).data;
  } catch (error) {
    if (error instanceof SignedOut) return null; // the page is on its way to the sign-in
    throw error;
  }
}
