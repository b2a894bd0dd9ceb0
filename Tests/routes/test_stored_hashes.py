"""The strength of stored hashes, and how a weaker one is replaced (T115, T116)."""

import ctypes
import re

import pytest
from harness import GOOD

ARGON2ID = 2
CURRENT = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$([A-Za-z0-9+/]{22})\$[A-Za-z0-9+/]{43}")


def hashed(password, memory, passes):
    """What an older release may have stored, by the library itself."""
    library = ctypes.CDLL("libargon2.so.1")
    encoded = ctypes.create_string_buffer(200)
    data, salt = password.encode(), b"sixteen of bytes"
    code = library.argon2id_hash_encoded(
        passes, memory, 1, data, ctypes.c_size_t(len(data)), salt, ctypes.c_size_t(len(salt)), ctypes.c_size_t(32), encoded, ctypes.c_size_t(len(encoded)))
    assert code == 0, code
    return encoded.value.decode()


def stored(host, name="alice"):
    with host.database() as opened:
        return opened.execute("SELECT password_hash FROM account WHERE username = ?", (name,)).fetchone()[0]


def is_strong(text):
    """OWASP ASVS 5.0 appendix C: 19456 KiB twice, or more; 16 bytes of salt."""
    memory, passes, _ = CURRENT.fullmatch(text).groups()
    return int(memory) >= 19456 and int(passes) >= 2


def test_a_password_is_stored_as_the_standard_wants_it_and_each_with_a_salt_of_its_own_T115(host):
    host.register("alice")
    host.register("bob")
    host.admin("account", "add", "carol", stdin=GOOD + "\n")
    texts = [stored(host, name) for name in ("alice", "bob", "carol")]
    assert all(is_strong(text) for text in texts) and len({CURRENT.fullmatch(text)[3] for text in texts}) == 3


@pytest.mark.parametrize("memory, passes", [(8192, 2), (19456, 1), (4096, 1)])
def test_a_weaker_hash_is_replaced_at_the_first_login_that_succeeds_and_not_before_T116(host, memory, passes):
    host.register()
    old = hashed(GOOD, memory, passes)
    with host.database() as opened:
        opened.execute("UPDATE account SET password_hash = ?", (old,))
    assert host.login(password="not the password").status == 401 and stored(host) == old
    first = host.login()
    new = stored(host)
    assert first.status == 200 and is_strong(new)
    # Once; and nobody is signed out by it.
    assert host.login().status == 200 and stored(host) == new and host.check(first.token).status == 204


def test_a_stronger_hash_is_left_alone_T116(host):
    host.register()
    strong = hashed(GOOD, 24576, 3)
    with host.database() as opened:
        opened.execute("UPDATE account SET password_hash = ?", (strong,))
    assert host.login().status == 200 and stored(host) == strong
