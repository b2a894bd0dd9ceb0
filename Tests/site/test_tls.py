"""Section H: which TLS nginx speaks (RFC 9325; OWASP ASVS 5.0 12.1.1, 12.1.2).

The client of these tests offers what OpenSSL 3 leaves out by default (security level 0). A second
nginx with a careless configuration proves this: there the same handshakes succeed.
"""

import contextlib
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile

import pytest
from programs import ROOT
from site_under_test import free_port
from waiting import wait_until

# A certificate for each kind of key: which suites there are depends on it.
KEYS = {"ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}
SHIPPED = "include tallystick/server/tls.conf;"
# The file's versions without its ciphers: TLS 1.0 and 1.1 have none of those, so that a handshake with
# the whole file fails whichever versions it allows.
CIPHERS = 'ssl_ciphers "ALL:aNULL:eNULL:@SECLEVEL=0";'
VERSIONS_ALONE = re.sub(r"(?m)^ssl_ciphers .*;$", CIPHERS, (ROOT / "nginx/tallystick/server/tls.conf").read_text())
CARELESS = 'ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ' + CIPHERS
VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2,
            "TLSv1.3": ssl.TLSVersion.TLSv1_3}
# RFC 9325 §4.1 and §4.2: forward secrecy and authenticated encryption.
STRONG = {
    "ecdsa": ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"],
    "rsa": ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"],
}
# CBC with SHA-1 and with SHA-2, key transport without forward secrecy, no authentication, no encryption.
# RC4 and 3DES are not in Debian's OpenSSL at all; the sweep below would offer them where they are.
WEAK = {
    "ecdsa": ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-NULL-SHA", "AECDH-AES128-SHA"],
    "rsa": ["ECDHE-RSA-AES128-SHA", "ECDHE-RSA-AES256-SHA384", "AES128-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "NULL-SHA256"],
}


@contextlib.contextmanager
def listening(settings, key):
    """The port of an nginx of our own with these directives and a key of this kind."""
    with tempfile.TemporaryDirectory(prefix="tallystick-tls.") as scratch:
        folder, port = pathlib.Path(scratch), free_port()
        (folder / "tallystick").symlink_to(ROOT / "nginx/tallystick")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *KEYS[key], "-nodes", "-days", "1", "-subj", "/CN=localhost",
             "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
        temporary = "".join(f"{kind}_temp_path temp; " for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
        (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid pid; error_log log error;
events {{ }}
http {{
  access_log off; {temporary}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    {settings}
    return 204;
  }}
}}
""")
        with subprocess.Popen(["nginx", "-p", f"{folder}/", "-c", folder / "nginx.conf", "-e", folder / "log"],
                              stderr=subprocess.PIPE, text=True) as nginx:
            try:
                def listens():
                    assert nginx.poll() is None, nginx.stderr.read()
                    with socket.socket() as probe:
                        return probe.connect_ex(("127.0.0.1", port)) == 0

                wait_until(listens, "nginx")
                yield port
            finally:
                nginx.send_signal(signal.SIGTERM)


@pytest.fixture(scope="module", params=KEYS)
def key(request):
    return request.param


@pytest.fixture(scope="module")
def shipped(key):
    with listening(SHIPPED, key) as port:
        yield port


@pytest.fixture(scope="module")
def versions_alone(key):
    with listening(VERSIONS_ALONE, key) as port:
        yield port


@pytest.fixture(scope="module")
def careless(key):
    with listening(CARELESS, key) as port:
        yield port


def handshake(port, version, ciphers="ALL:COMPLEMENTOFALL"):
    """(version, cipher) that a client gets which offers this version and these ciphers alone; None if refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = VERSIONS[version]
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        try:
            with context.wrap_socket(connection, server_hostname="localhost") as secured:
                return secured.version(), secured.cipher()[0]
        except ssl.SSLError as refused:
            # The server's own word, RFC 8446 §6.2; not an error of a client that offers nothing.
            assert "ALERT" in refused.reason, refused
            return None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1.1"])
def test_versions_before_1_2_are_refused(shipped, versions_alone, careless, version):
    """RFC 9325 §3.1.1, RFC 8996: by the versions alone, and by the file as it is."""
    assert handshake(careless, version)[0] == version
    assert CIPHERS in VERSIONS_ALONE and handshake(versions_alone, "TLSv1.2", WEAK["rsa"][0] + ":" + WEAK["ecdsa"][0])
    assert handshake(versions_alone, version) is None
    assert handshake(shipped, version) is None


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_1_2_and_1_3_are_spoken(shipped, version):
    """RFC 9325 §3.1.1."""
    assert handshake(shipped, version)[0] == version


def test_ciphers_with_forward_secrecy_and_authenticated_encryption_are_taken(shipped, key):
    """RFC 9325 §4.2; a client that offers only one of them gets it."""
    for cipher in STRONG[key]:
        assert handshake(shipped, "TLSv1.2", cipher) == ("TLSv1.2", cipher)


def test_weak_ciphers_are_refused(shipped, careless, key):
    """RFC 9325 §4.1, §4.2: no CBC, no key transport, no NULL, nothing anonymous."""
    for cipher in WEAK[key]:
        assert handshake(careless, "TLSv1.2", cipher) == ("TLSv1.2", cipher)
        assert handshake(shipped, "TLSv1.2", cipher) is None, cipher


def test_no_other_cipher_of_this_openssl_is_taken(shipped, key):
    """RFC 9325 §4.1: each alone, RC4 and 3DES included where OpenSSL still has them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Python's client has no keys for PSK and SRP, and nginx none either.
    context.set_ciphers("ALL:COMPLEMENTOFALL:!PSK:!SRP:@SECLEVEL=0")
    offered = {cipher["name"] for cipher in context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    assert len(offered) > 40 and set(STRONG[key] + WEAK[key]) <= offered
    assert {cipher for cipher in offered if handshake(shipped, "TLSv1.2", cipher)} == set(STRONG[key])


def test_the_running_site_holds_to_it(site):
    """All servers of the example share the port, and each includes the file."""
    for version in ("TLSv1.2", "TLSv1.3"):
        assert handshake(site.port, version)[0] == version
    assert handshake(site.port, "TLSv1.2", "ECDHE-ECDSA-AES128-SHA") is None
    for path in (ROOT / "nginx/sites").glob("*.conf"):
        text = re.sub(r"(?m)^ *#.*", "", path.read_text())
        assert text.count("include tallystick/server/tls.conf;") == text.count("ssl_certificate "), path
        assert "ssl_protocols" not in text and "ssl_ciphers" not in text, path
