//! A real nginx in front of a camera, set up as Mainsail's documentation has it, for a user without rights.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::host::ports::free_port;

/// Longer than nginx takes to start on a busy host.
const START: Duration = Duration::from_secs(10);

/// A running nginx; it ends when dropped.
///
/// `/webcam/` leads to the camera, `/locked/` too for the user `printer` with the password `s3cret`, `/moved` redirects
/// to the stream, and everything else is a web page, as front ends answer unknown paths.
#[derive(Debug)]
pub struct Nginx {
    http: u16,
    https: u16,
    _server: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts nginx in front of `camera`.
    ///
    /// # Errors
    /// When nginx or openssl is not installed, or does not start.
    pub async fn start(camera: SocketAddr) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("moonlapse-nginx-").tempdir()?;
        let (http, https) = (free_port()?, free_port()?);
        let dir = folder.path();
        tokio::fs::create_dir(dir.join("www")).await?;
        tokio::fs::write(dir.join("www/index.html"), "<!DOCTYPE html><title>Front end</title>").await?;
        tokio::fs::write(dir.join("users"), "printer:{PLAIN}s3cret\n").await?;
        tokio::fs::write(dir.join("nginx.conf"), config(dir, camera, http, https)).await?;
        certify(dir).await?;
        let server = Command::new("/usr/sbin/nginx")
            .arg("-p")
            .arg(dir)
            .arg("-c")
            .arg(dir.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("starting nginx: is it installed?")?;
        let up = async {
            while TcpStream::connect(("127.0.0.1", https)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let log = dir.join("error.log");
        tokio::time::timeout(START, up)
            .await
            .with_context(|| format!("nginx does not listen: {}", std::fs::read_to_string(log).unwrap_or_default()))?;
        Ok(Self { http, https, _server: server, _folder: folder })
    }

    /// The URL of `path` over HTTP.
    #[must_use]
    pub fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.http)
    }

    /// The URL of `path` over HTTPS, with a certificate that nobody trusts.
    #[must_use]
    pub fn https(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.https)
    }
}

/// A certificate of its own, as cameras have.
async fn certify(dir: &Path) -> anyhow::Result<()> {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"])
        .args(["-subj", "/CN=camera.local", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("cert.pem"))
        .stdin(Stdio::null())
        .output()
        .await
        .context("running openssl: is it installed?")?;
    ensure!(made.status.success(), "openssl failed: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

fn config(dir: &Path, camera: SocketAddr, http: u16, https: u16) -> String {
    let dir = dir.display();
    let proxy = "postpone_output 0; proxy_buffering off; proxy_ignore_headers X-Accel-Buffering; \
                 proxy_pass http://mjpgstreamer1/;";
    format!(
        "daemon off;
master_process off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    upstream mjpgstreamer1 {{ ip_hash; server {camera}; }}
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate {dir}/cert.pem;
        ssl_certificate_key {dir}/key.pem;
        root {dir}/www;
        index index.html;
        default_type text/html;
        location / {{ try_files $uri $uri/ /index.html; }}
        location /webcam/ {{ {proxy} }}
        location /locked/ {{ auth_basic camera; auth_basic_user_file {dir}/users; {proxy} }}
        location = /moved {{ return 301 /webcam/?action=stream; }}
    }}
}}
"
    )
}
