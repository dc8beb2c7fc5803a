//! The haven program itself, as an operator runs it: built, started, stopped by a signal.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Starting and stopping take nowhere near this long; it only keeps a broken haven from hanging
/// the walkthrough.
const PATIENCE: Duration = Duration::from_secs(60);

/// Builds haven if it is not up to date, in the profile that this example was built in, and says
/// where it is. `example` is the running example: named too, so that both are built with the
/// same features of their dependencies.
pub fn build(example: &str) -> PathBuf {
    let mut build = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    build
        .args(["build", "--quiet", "--bin", "haven", "--example", example])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    // What cargo told this program would look like a change to the build scripts that ask.
    for (name, _) in std::env::vars() {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            build.env_remove(name);
        }
    }
    assert!(build.status().unwrap().success(), "haven does not build");
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().and_then(Path::parent).unwrap();
    let haven = folder.join(format!("haven{}", std::env::consts::EXE_SUFFIX));
    assert!(haven.is_file(), "{} is not there", haven.display());
    haven
}

/// How haven is run: the program and its settings.
pub struct Haven {
    program: PathBuf,
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
}

impl Haven {
    /// Keeps everything in `folder`, listens on a free port, and knows no settings but these.
    pub fn new(program: PathBuf, folder: &Path, settings: &[(&'static str, String)]) -> Self {
        Self {
            program,
            folder: folder.to_owned(),
            settings: settings.to_vec(),
        }
    }

    /// Where the log goes.
    pub fn log(&self) -> PathBuf {
        self.folder.join("haven.log")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let log = File::options().create(true).append(true).open(self.log());
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars() {
            if name.starts_with("HAVEN_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            // Away from a haven.toml that lies about.
            .current_dir(&self.folder)
            .env("HAVEN_LISTEN", "127.0.0.1:0")
            .env("HAVEN_DATA_DIR", self.folder.join("data"))
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.unwrap());
        command
    }

    /// Runs a command that ends by itself, with this on its standard input; what it printed.
    pub async fn run(&self, arguments: &[&str], input: &str) -> String {
        let mut child = Guard(
            self.command(arguments)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut stdin = child.0.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let stdout = child.0.stdout.take().unwrap();
        let output = to_the_end(stdout).await;
        let status = child.0.wait().unwrap();
        assert!(status.success(), "haven ended with {status}");
        output
    }

    /// Starts serving, and waits until haven has said where.
    pub async fn start(&self) -> Running {
        // This line comes in every case, before haven serves.
        self.start_by(&["serve"], "  assistant").await
    }

    /// Starts serving by these arguments; the line that begins so is the last that is waited for.
    pub async fn start_by(&self, arguments: &[&str], last: &'static str) -> Running {
        let mut child = Guard(self.command(arguments).spawn().unwrap());
        let stdout = child.0.stdout.take().unwrap();
        let reading = spawn_blocking(move || {
            let mut output = BufReader::new(stdout);
            let mut greeting = String::new();
            let mut line = 0;
            while !greeting[line..].starts_with(last) {
                line = greeting.len();
                let read = output.read_line(&mut greeting).unwrap();
                assert_ne!(read, 0, "haven ended instead of serving:\n{greeting}");
            }
            (output, greeting)
        });
        let (output, greeting) = timeout(PATIENCE, reading)
            .await
            .expect("haven did not say that it serves")
            .unwrap();
        let first = greeting.lines().next().unwrap();
        let (_, address) = first.rsplit_once("http://").expect(first);
        Running {
            address: address.parse().unwrap(),
            greeting,
            child,
            output,
        }
    }
}

/// A haven that serves. It is killed if it is not stopped.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it printed on starting.
    pub greeting: String,
    child: Guard,
    /// Kept open: a program whose output nobody takes any more ends.
    output: BufReader<ChildStdout>,
}

struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Fails only where it has ended and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Sends SIGTERM and returns at once.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal and returns at once.
    pub fn signal(&self, name: &str) {
        // The shell has `kill` built in, so nothing has to be installed.
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -\"$1\" \"$0\"", &self.id().to_string(), name]);
        assert!(kill.status().unwrap().success());
    }

    /// Waits until it has ended.
    pub async fn ended(self) -> ExitStatus {
        let Self {
            mut child, output, ..
        } = self;
        to_the_end(output).await;
        child.0.wait().unwrap()
    }
}

/// What a program prints until it ends.
async fn to_the_end(mut output: impl Read + Send + 'static) -> String {
    let reading = spawn_blocking(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    });
    timeout(PATIENCE, reading)
        .await
        .expect("haven did not end")
        .unwrap()
}
