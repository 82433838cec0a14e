"""nginx with TLS in front of a gateway without: the usual way, as a peer. It is one process, and reaches the gateway by a
unix socket, the shortest way there is."""

import functools
import os
import pathlib
import shutil
import tempfile

import tls_pair

CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile {files};
events {{
	worker_connections {files};
	multi_accept on;
}}
http {{
	access_log off;
	client_body_temp_path {folder};
	proxy_temp_path {folder};
	fastcgi_temp_path {folder};
	uwsgi_temp_path {folder};
	scgi_temp_path {folder};
	tcp_nodelay on;
	ssl_certificate {certificate};
	ssl_certificate_key {key};
	ssl_protocols TLSv1.3;
	ssl_ecdh_curve X25519:prime256v1;
	ssl_session_tickets off;
	server {{
		listen 127.0.0.1:{port} ssl backlog=65535;
		location / {{
			proxy_pass http://unix:{folder}/gateway;
			proxy_http_version 1.1;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection Upgrade;
			proxy_set_header Host $host;
			proxy_buffer_size 64k;
			proxy_buffers 4 64k;
			proxy_read_timeout 1h;
		}}
	}}
}}
"""


@functools.cache
def folder():
    return tempfile.TemporaryDirectory(prefix="tidegate-proxy-")


def gateway_listens_at():
    return f"unix:{folder().name}/gateway"


def command(port, files):
    """That of nginx, which takes that port; so many descriptors are allowed."""
    certificate, key = tls_pair.make()
    path = pathlib.Path(folder().name) / "nginx.conf"
    path.write_text(CONFIG.format(folder=folder().name, port=port, files=files, certificate=certificate, key=key),
                    encoding="utf-8")
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"
    return [program, "-e", "stderr", "-c", path]
