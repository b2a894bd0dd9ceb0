// What the pages of `enter` and `land` say.

extension Page {
  /// In a frame nobody can sign in: the page leads out of it.
  static var signInNeeded: Page {
    Page(
      status: 401, title: "Please sign in",
      content: """
        <p>This is for people who are signed in, and one cannot sign in inside a frame.</p>
        <a class="act" href="" target="_top">Open it and sign in</a>
        """, isForFrames: true)
  }

  /// A form that was sent after the end of the login.
  ///
  /// - Parameter page: The path of the page with the form; empty if it is not known.
  /// - Returns: The page.
  static func formCameTooLate(page: String) -> Page {
    Page(
      status: 401, title: "You are no longer signed in",
      content: """
        <p>So the form was not sent. To keep what you typed:</p>
        <ol>
        <li><a href="\(page)" target="_blank" rel="noopener">Sign in in a new tab</a>, and close that tab.</li>
        <li>Come back to this tab, and go back to the form.</li>
        <li>Send it again.</li>
        </ol>
        <p><small>If the form is empty then, go forward to this page again and reload it: the browser offers to send what you typed.</small></p>
        """)
  }

  static func landingFailed(returningTo path: String) -> Page {
    Page(
      status: 403, title: "This sign-in link has ended",
      content: """
        <p>It works once, for one minute, and only in the browser that asked for it. Nothing has happened to your account.</p>
        <a class="act" href="\(path)">Try again</a>
        """)
  }

  /// The browser brought no state cookie: it is another browser, or it keeps no cookies.
  static func noCookie(of site: String, returningTo path: String) -> Page {
    Page(
      status: 403, title: "This browser sent no cookie",
      content: """
        <p>A sign-in link works only in the browser that asked for it. If this is that browser, it refuses or deletes the cookies of this site, so the site cannot remember that you signed in.</p>
        <p>Allow cookies for <code>\(site)</code> in the settings of the browser, and in its extensions. Then try again.</p>
        <a class="act" href="\(path)">Try again</a>
        """)
  }

  /// Another tab of the browser was sent to sign in at the same moment: this one follows it.
  static func followingAnotherTab(to location: String) -> Page {
    Page(
      status: 403, title: "One moment",
      content: """
        <p>Several pages of this site are signing in at once. This one goes on by itself.</p>
        <a class="act" href="\(location)">Go on</a>
        """, refresh: (0, location))
  }

  static func unavailable(returningTo path: String) -> Page {
    Page(
      status: 503, title: "The sign-in is busy",
      content: """
        <p>Please wait a moment, and try again.</p>
        <a class="act" href="\(path)">Try again</a>
        """)
  }
}

/// Why a browser comes back to the sign-in again and again, as far as `enter` can tell.
package enum CircleCause: Equatable, Sendable {
  /// The request came without TLS, where browsers keep no such cookie.
  case plainHTTP
  /// The settings do not name the site.
  case unknownSite
  /// The gate cookie is not valid yet, or not any more, by the clock of this host.
  case clock
  /// The browser sends no gate cookie, though it was given one; or other tabs are still on the way.
  case cookieNotKept
  /// The browser sends a gate cookie, and `check` refuses it.
  case refused
}

extension Page {
  /// The page that ends a circle.
  ///
  /// - Parameters:
  ///   - cause: Why it goes in circles.
  ///   - site: The origin of the site.
  ///   - path: The path that the browser asked for.
  ///   - signIn: The page of the issuer that signs in, and leads back.
  ///   - time: The time of this host, as text.
  /// - Returns: The page.
  static func circle(
    _ cause: CircleCause, site: String, path: String, signIn: String, time: String
  ) -> Page {
    switch cause {
    case .plainHTTP:
      Page(
        status: 403, title: "This address needs https",
        content: """
          <p>The page was opened without encryption, and without it the browser keeps no sign-in.</p>
          <a class="act" href="\(site)\(path)" target="_top">Open it with https</a>
          <p><small>For the administrator: redirect http to https in this site’s server, and set <code>$tallystick_site</code> to <code>\(site)</code>.</small></p>
          """)
    case .unknownSite:
      Page(
        status: 403, title: "This site is not on the list",
        content: """
          <p>The sign-in does not know this site, so it lets nobody through to it. Please tell the administrator.</p>
          <p><small>For the administrator: add <code>\(site)</code> to <code>TALLYSTICK_SITES</code>, and restart the programs.</small></p>
          <a class="act" href="">Try again</a>
          """)
    case .clock:
      Page(
        status: 403, title: "The clocks do not agree",
        content: """
          <p>Your sign-in is new, but to this server it looks too old, or not valid yet. The clock of this server, or of the one that signed you in, is wrong.</p>
          <p>This server’s clock says <code>\(time)</code> (UTC). Please tell the administrator.</p>
          <p><small>For the administrator: let all hosts take their time by NTP; <code>timedatectl</code> says whether they do.</small></p>
          <a class="act" href="">Try again</a>
          """)
    case .cookieNotKept:
      Page(
        status: 403, title: "Sign in to go on",
        content: """
          <p>This browser was sent to the sign-in three times within a minute. If you are signing in in another tab, this page goes on by itself.</p>
          <a class="act" href="\(signIn)">Sign in here</a>
          <p>If you have signed in already, the browser does not keep the cookie of this site: allow cookies for <code>\(site)</code> in the settings of the browser, and in its extensions.</p>
          """, refresh: (5, path))
    case .refused:
      Page(
        status: 403, title: "Signing in goes round in circles",
        content: """
          <p>You were sent to the sign-in and back three times within a minute, and this site does not let you in.</p>
          <a class="act" href="\(signIn)">Sign in again</a>
          <p>If this page comes back, please tell the administrator.</p>
          <p><small>For the administrator: the logs of <code>check</code>, <code>land</code> and <code>enter</code> say what was refused. All of them must have the same issuer and keys, and <code>\(site)</code> as the site.</small></p>
          """)
    }
  }
}
