//! A PostgreSQL cluster of a test's own, to be stopped and started.

use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The cluster; stopped and removed with the value.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// How large a file may get, in bytes.
    most: Option<u64>,
}

impl Cluster {
    /// Makes and starts one. Everybody on this machine may connect.
    pub fn start() -> Self {
        Self::limited(None)
    }

    /// The same, where no file grows beyond so many bytes, and writing more fails as it does on a
    /// full disk. A file of the write-ahead log has 16 MiB from the beginning.
    pub fn limited(most: Option<u64>) -> Self {
        // A socket's path may hold 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("haven-faults.")
            .tempdir_in("/tmp")
            .unwrap();
        // A server that runs as root refuses to; see `owned`.
        let open = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(folder.path(), open).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let cluster = Self {
            folder,
            programs: programs(),
            port,
            most,
        };
        cluster.run(
            "initdb",
            &[
                "-U",
                "haven",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
        );
        cluster.go_on();
        cluster
    }

    /// Where haven finds it.
    pub fn url(&self) -> String {
        format!("postgres://haven@127.0.0.1:{}/postgres", self.port)
    }

    /// Cuts every connection, as a crash does, and returns when the server is gone.
    pub fn stop(&self) {
        self.run("pg_ctl", &["stop", "-m", "immediate", "-w"]);
    }

    /// Starts it again; what was committed is there.
    pub fn go_on(&self) {
        // The system survives these crashes, so that nothing has to reach the disk, but commits have
        // to reach the system, whatever the operator set.
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off \
             -c synchronous_commit=off -c wal_writer_delay=10s -c autovacuum=off",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("server.log");
        let log = log.to_str().unwrap();
        self.run(
            "pg_ctl",
            &["start", "-w", "-t", "60", "-l", log, "-o", &options],
        );
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.programs.join(program);
        let mut words: Vec<OsString> = Vec::new();
        if let Some(most) = self.most {
            words.extend(["prlimit".into(), format!("--fsize={most}").into()]);
        }
        if let Some(owner) = owner() {
            let owner = format!("--reuid={owner}");
            words.extend(["setpriv", &owner, "--clear-groups", "--"].map(OsString::from));
        }
        words.push(program.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
            .args(arguments)
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program, arguments).status().unwrap();
        assert!(status.success(), "{program} {arguments:?}: {status}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl", &["stop", "-m", "immediate", "-w"]);
        // It may be stopped already.
        let _ = stop.stderr(Stdio::null()).status();
    }
}

/// Whom root lends the server to, which refuses to run as root; nobody, where that is not needed.
fn owner() -> Option<&'static str> {
    let whoami = Command::new("id").arg("-un").output().unwrap();
    if whoami.stdout != b"root\n" {
        return None;
    }
    let known = Command::new("id").arg("postgres").output().unwrap();
    Some(if known.status.success() {
        "postgres"
    } else {
        "nobody"
    })
}

/// The folder of the server's programs: the one PATH leads to, or else the newest of Debian's,
/// as in `scripts/with-postgres`.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let complete = |folder: &PathBuf| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|program| folder.join(program).is_file())
    };
    if let Some(folder) = std::env::split_paths(&path).find(complete) {
        return folder;
    }
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir(Path::new("/usr/lib/postgresql"))
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| complete(folder))
        .collect();
    versions.sort();
    versions.pop().expect("PostgreSQL's server programs").1
}
