//! The threads of the shim that wait for something and turn it into news.
//!
//! They start before the tool, so that none of them can fail while a tool is alive; what concerns the tool's process
//! waits until there is one.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

use super::frame::{self, Bytes, Order};

/// Stack of a helper. They hardly use it, and the bound on memory counts it.
const STACK: usize = 128 * 1024;

/// What can happen to a shim.
pub(super) enum News {
    /// The order to stop, the end of the parent, or a signal.
    Stop,
    /// A child has ended, with its code or its signal.
    Reaped(Pid, Option<i32>, Option<i32>),
    /// There is no child any more.
    NobodyLeft,
}

/// The threads, waiting for the tool.
pub(super) struct Helpers {
    inbox: Receiver<News>,
    reap: SyncSender<()>,
    /// Takes the tool's standard input, where something is to be written to it.
    pub(super) feed: Option<SyncSender<ChildStdin>>,
}

impl Helpers {
    /// Starts them all, or tells which thread the system refused.
    pub(super) fn start(control: &UnixStream, stops: SigSet, stdin: Option<Bytes>) -> io::Result<Self> {
        let (news, inbox) = sync_channel(64);
        let orders = control.try_clone()?;
        let told = news.clone();
        helper("orders", move || {
            // Whatever comes now means stop: the order, the end of the parent, or nonsense.
            let _ = frame::read::<Order>(&orders);
            let _ = told.send(News::Stop);
        })?;
        let told = news.clone();
        helper("signals", move || {
            if stops.thread_block().is_ok() && stops.wait().is_ok() {
                let _ = told.send(News::Stop);
            }
        })?;
        let (reap, go) = sync_channel(1);
        helper("children", move || {
            if go.recv().is_ok() {
                reap_all(&news);
            }
        })?;
        let feed = match stdin {
            None => None,
            Some(bytes) => {
                let (feed, pipe) = sync_channel::<ChildStdin>(1);
                helper("input", move || {
                    if let Ok(mut pipe) = pipe.recv() {
                        // A tool that does not read its input to the end is no failure.
                        let _ = pipe.write_all(&bytes.0);
                    }
                })?;
                Some(feed)
            }
        };
        Ok(Self { inbox, reap, feed })
    }

    /// Lets them see to the tool, which has started.
    pub(super) fn go(self, stdin: Option<ChildStdin>) -> Receiver<News> {
        if let (Some(feed), Some(stdin)) = (self.feed, stdin) {
            let _ = feed.send(stdin);
        }
        let _ = self.reap.send(());
        self.inbox
    }
}

fn helper(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(format!("shim-{name}")).stack_size(STACK).spawn(work).map(drop)
}

/// Reaps children, adopted ones too, until there is none.
fn reap_all(news: &SyncSender<News>) {
    loop {
        let told = match wait() {
            Ok(WaitStatus::Exited(pid, code)) => News::Reaped(pid, Some(code), None),
            Ok(WaitStatus::Signaled(pid, signal, _)) => News::Reaped(pid, None, Some(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(_) => News::NobodyLeft,
        };
        let last = matches!(told, News::NobodyLeft);
        if news.send(told).is_err() || last {
            return;
        }
    }
}
