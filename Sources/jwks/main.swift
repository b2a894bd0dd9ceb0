// GET /.well-known/jwks.json: the live public keys, for whoever verifies access tokens.
//
// RFC 7517 §5. It reads public halves only, and no store.

import Configuration
import Launch
import Routes
import Token

let settings = Settings.load()
let keys = orExit(try KeyStore(directory: settings.keys, signing: false))

serve(.get, settings: settings, keys: keys) { _ in
  .document(keys.jwks(), type: "application/jwk-set+json", maximumAge: 300)
}
