# SPDX-License-Identifier: Apache-2.0
"""A byte pipe to a server: a TCP socket that can become a TLS connection."""
import hashlib
import select
import socket
import time

from OpenSSL import SSL, crypto

from . import wait

TLS_VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}


class Transport:
    def __init__(self, port, address="127.0.0.1"):
        self.sock = socket.create_connection((address, port), timeout=wait.DEADLINE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tls = None
        self.certificate = None

    def send(self, data):
        if self.tls:
            self.tls.sendall(data)
            self._flush()
        else:
            self.sock.sendall(data)

    def recv(self, timeout):
        """Some bytes; b"" at the end of the connection; wait.Timeout when nothing comes."""
        end = time.monotonic() + timeout
        while True:
            data = self._recv_tls(end) if self.tls else self._recv_socket(end)
            if data is not None:
                return data

    def start_tls(self, name, version=None, alpn=None, certificate=None):
        """Become TLS, with name as SNI; certificate is the client's own (harness.certs)."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if version:
            context.set_min_proto_version(TLS_VERSIONS[version])
            context.set_max_proto_version(TLS_VERSIONS[version])
        if alpn:
            context.set_alpn_protos([each.encode() for each in alpn])
        if certificate:
            context.use_certificate_file(str(certificate.crt))
            context.use_privatekey_file(str(certificate.key))
        tls = SSL.Connection(context, None)
        if name:
            tls.set_tlsext_host_name(name.encode())
        tls.set_connect_state()
        self._handshake(tls)
        self.tls, self.certificate = tls, tls.get_peer_certificate()

    def _handshake(self, tls):
        end = time.monotonic() + wait.DEADLINE
        while True:
            try:
                tls.do_handshake()
                self._flush(tls)
                return
            except SSL.WantReadError:
                self._flush(tls)
                data = self._recv_socket(end)
                if not data:
                    raise ConnectionError("closed during the TLS handshake")
                tls.bio_write(data)

    def _flush(self, tls=None):
        tls = tls or self.tls
        while True:
            try:
                self.sock.sendall(tls.bio_read(65536))
            except SSL.WantReadError:
                return

    def _recv_socket(self, end):
        if not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
            raise wait.Timeout("nothing came from the server")
        try:
            return self.sock.recv(65536)
        except ConnectionResetError:
            return b""

    def _recv_tls(self, end):
        try:
            return self.tls.recv(65536)
        except SSL.WantReadError:
            pass
        except (SSL.ZeroReturnError, SSL.SysCallError):
            return b""
        self._flush()
        data = self._recv_socket(end)
        if not data:
            return b""
        self.tls.bio_write(data)
        return None

    def channel_binding(self, kind):
        """The bytes of RFC 5929 or RFC 9266 for this connection."""
        if kind == "tls-exporter":
            return self.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
        if kind == "tls-unique":
            return self.tls.get_finished()
        der = crypto.dump_certificate(crypto.FILETYPE_ASN1, self.certificate)
        return hashlib.sha256(der).digest()

    def certificate_names(self):
        """The DNS names of the certificate that the server showed."""
        for index in range(self.certificate.get_extension_count()):
            extension = self.certificate.get_extension(index)
            if extension.get_short_name() == b"subjectAltName":
                return [name.strip().removeprefix("DNS:") for name in str(extension).split(",")]
        return []

    def close(self):
        self.sock.close()
