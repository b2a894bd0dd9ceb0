package import Accounts
package import Configuration
package import Nginx

/// Where a request goes, as far as the configuration says so without its expressions.
package struct Whereabouts: Sendable {
  /// The directive of the location; that of the server where it has none for the path.
  package let directive: Directive
  /// Whether `check` is asked.
  package let isGuarded: Bool
  /// Whom it admits; nil where the configuration does not say it in a way that `check` understands.
  package let requirement: Requirement?
}

/// Finds where nginx decides about a path of a site.
///
/// - Parameters:
///   - path: The path, without a query.
///   - origin: The site.
///   - configuration: All of nginx's files.
/// - Returns: nil if no server has the site's name and port.
package func whereabouts(
  of path: String, at origin: Origin, in configuration: Nginx.Configuration
) -> Whereabouts? {
  let sites = (configuration.http?.servers ?? []).map(Site.init)
  guard
    let site = sites.first(where: { site in
      site.names.contains { matches(origin.host, $0) }
        && site.listens.contains { $0.isTLS && $0.port == origin.port }
    })
  else { return nil }
  let place = site.location(for: path) ?? site.server
  return Whereabouts(
    directive: place.directive, isGuarded: place.isGuarded,
    requirement: place.question?.requirement)
}
