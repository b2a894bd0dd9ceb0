package import Accounts

extension PostgreSQLStore: KeyExchange {
  package func keySets(after version: Int64) throws(StoreError) -> [PublishedKeySet] {
    try pool.ask(
      """
      SELECT version, key_set, signer, signature FROM tallystick.key_set WHERE version > $1
      ORDER BY version
      """, [.integer(version)], patience: options.patience
    ) { answer throws(StoreError) in
      try answer.map { row throws(StoreError) in
        PublishedKeySet(
          version: try row.integer(0), set: Array(try row.text(1).utf8),
          signer: try row.text(2), signature: try row.byteArray(3))
      }
    }
  }

  package func publish(
    _ set: PublishedKeySet, adding sealed: [SealedSecret], keeping names: [String]
  ) throws(StoreError) -> Bool {
    try transact { rows throws(StoreError) in
      let added = try rows.run(
        """
        INSERT INTO tallystick.key_set (version, key_set, signer, signature)
        VALUES ($1, $2, $3, $4) ON CONFLICT (version) DO NOTHING
        """, .integer(set.version), .text(String(decoding: set.set, as: UTF8.self)),
        .text(set.signer), .byteArray(set.signature))
      guard added.changes == 1 else { return false }
      for secret in sealed {
        rows.runLater(
          "INSERT INTO tallystick.sealed_secret (name, sealed) VALUES ($1, $2)",
          .text(secret.name), .byteArray(secret.sealed))
      }
      rows.runLater(
        "DELETE FROM tallystick.sealed_secret WHERE NOT (name = ANY ($1::text[]))",
        .texts(names))
      return true
    }
  }

  package func sealedSecrets() throws(StoreError) -> [SealedSecret] {
    try pool.ask(
      "SELECT name, sealed FROM tallystick.sealed_secret ORDER BY name", [],
      patience: options.patience
    ) { answer throws(StoreError) in
      try answer.map { row throws(StoreError) in
        SealedSecret(name: try row.text(0), sealed: try row.byteArray(1))
      }
    }
  }

  package func note(_ host: KeyHost) throws(StoreError) {
    try transact { rows throws(StoreError) in
      rows.runLater(
        """
        INSERT INTO tallystick.key_host (name, version, seen_at) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET version = excluded.version, seen_at = excluded.seen_at
        """, .text(host.name), .integer(host.version), .integer(host.seenAt.seconds))
    }
  }

  package func keyHosts() throws(StoreError) -> [KeyHost] {
    try pool.ask(
      "SELECT name, version, seen_at FROM tallystick.key_host ORDER BY name", [],
      patience: options.patience
    ) { answer throws(StoreError) in
      try answer.map { row throws(StoreError) in
        KeyHost(name: try row.text(0), version: try row.integer(1), seenAt: try row.date(2))
      }
    }
  }

  package func forgetHost(named name: String) throws(StoreError) -> Bool {
    try transact { rows throws(StoreError) in
      try rows.run("DELETE FROM tallystick.key_host WHERE name = $1", .text(name)).changes > 0
    }
  }
}
