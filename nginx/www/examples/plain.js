// Any page: five lines.
import { createAuth } from "../tallystick.js";

export const auth = createAuth();
auth.addEventListener("signedout", () => location.assign("/"));
const { status } = await auth.ready;
export const answer = status === "signedin" ? await auth.fetch("/api/echo") : null;
