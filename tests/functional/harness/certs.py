# SPDX-License-Identifier: Apache-2.0
"""Certificates for one test run: ECDSA keys, made with the openssl command."""
import pathlib
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificate:
    """key and certificate as two files, and both in one file (pem)."""

    def __init__(self, folder, name):
        self.key = pathlib.Path(folder, f"{name}.key")
        self.crt = pathlib.Path(folder, f"{name}.crt")
        self.pem = pathlib.Path(folder, f"{name}.pem")

    def join(self):
        self.pem.write_bytes(self.crt.read_bytes() + self.key.read_bytes())
        return self


def self_signed(folder, host):
    """A server certificate for one host name; an existing one in that folder is used again."""
    cert = Certificate(folder, host)
    if not cert.pem.exists():
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", cert.key, "-out", cert.crt, "-days", "30", "-sha256",
                "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
        cert.join()
    return cert


def authority(folder):
    """A certificate authority that signs client certificates."""
    cert = Certificate(folder, "authority")
    if not cert.pem.exists():
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", cert.key, "-out", cert.crt, "-days", "30", "-sha256",
                "-subj", "/CN=Test Authority", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        cert.join()
    return cert


def client_certificate(folder, name, jid, signer):
    """A client certificate that names jid as its XmppAddr (XEP-0178), signed by signer."""
    cert = Certificate(folder, name)
    request, extensions = cert.key.with_suffix(".csr"), cert.key.with_suffix(".ext")
    extensions.write_text(
        f"subjectAltName=otherName:1.3.6.1.5.5.7.8.5;UTF8:{jid}\n"
        "extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", cert.key, "-out", request, "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", request, "-CA", signer.crt, "-CAkey", signer.key,
            "-CAcreateserial", "-days", "30", "-sha256", "-extfile", extensions, "-out", cert.crt)
    return cert.join()
