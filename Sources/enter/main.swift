// `error_page 401` of a site: sends a browser to sign in, and tells everybody else that a credential
// is missing.
//
// Only a document that a browser is to show is redirected. A script, an image or another program
// gets the 401 that it can act on. It has no store and no keys.

import Configuration
import GateRoutes
import Launch
import Routes

let settings = Settings.load()

servePages(settings: settings) { call in
  if call.request.text("SCRIPT_NAME") == "/tallystick/signout" {
    return call.signOut(try call.requiredSite())
  }
  return try call.enter()
}
