//! The MCU on its pty, with the thread that serves it.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use rustix::time::{ClockId, clock_gettime};

use super::device::Device;
use super::frame::{self, Block, Deframer};
use super::spec::MachineSpec;
use super::{CLOCK_HZ, seconds};
use crate::machine::{Machine, TruePosition};

/// The host asks for the clock about once a second. After this much silence it is gone, and what we send would only
/// pile up in the pty.
const HOST_SILENCE_TICKS: u64 = 3 * CLOCK_HZ;

/// A delay of the MCU's thread that is worth a line in the log: the machine is overloaded.
const DELAY_TICKS: u64 = CLOCK_HZ / 4;

/// How bright a machine with a lamp is without it, as a share of full light.
const DUSK: f64 = 0.35;

/// A virtual MCU on a pty; it ends when dropped.
#[derive(Debug)]
pub struct VirtualMcu {
    shared: Arc<Shared>,
    path: PathBuf,
    stop: UnixStream,
    thread: Option<JoinHandle<()>>,
    /// Keeps the pty open while no host is connected.
    _slave: OwnedFd,
}

/// The machine as the threads share it.
#[derive(Debug)]
struct Shared {
    device: Mutex<Device>,
}

impl Shared {
    fn device(&self) -> MutexGuard<'_, Device> {
        // A panic elsewhere is reported there; the state itself stays usable.
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VirtualMcu {
    /// Switches the machine on.
    ///
    /// # Errors
    ///
    /// When the system gives no pty or no thread.
    pub fn start(spec: &MachineSpec) -> anyhow::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).context("opening a pty")?;
        grantpt(&master).context("granting the pty")?;
        unlockpt(&master).context("unlocking the pty")?;
        let path = PathBuf::from(ptsname(&master, Vec::new()).context("naming the pty")?.into_string()?);
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).context("opening the pty's slave")?;
        let mut termios = tcgetattr(&slave).context("reading the pty's settings")?;
        termios.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &termios).context("setting the pty to raw mode")?;
        rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).context("setting the pty to non-blocking")?;

        let shared = Arc::new(Shared { device: Mutex::new(Device::new(spec, clock())) });
        let (stop, stopped) = UnixStream::pair().context("making the stop signal")?;
        let port = Port {
            shared: Arc::clone(&shared),
            pty: File::from(master),
            deframer: Deframer::default(),
            next_sequence: 0,
            last_heard: 0,
        };
        let thread = std::thread::Builder::new()
            .name("virtual-mcu".to_owned())
            .spawn(move || port.serve(&stopped))
            .context("starting the MCU's thread")?;
        Ok(Self { shared, path, stop, thread: Some(thread), _slave: slave })
    }

    /// The serial port that the host is to open.
    #[must_use]
    pub fn serial(&self) -> &Path {
        &self.path
    }

    /// The machine, to look at; it outlives the MCU.
    #[must_use]
    pub fn machine(&self) -> Arc<dyn Machine> {
        Arc::<Shared>::clone(&self.shared)
    }

    /// Where the machine stands now.
    #[must_use]
    pub fn position(&self) -> TruePosition {
        self.shared.device().motion.position(clock())
    }

    /// Whether it moves, or will without hearing from the host: a host that was killed leaves some seconds of steps behind.
    #[must_use]
    pub fn is_moving(&self) -> bool {
        self.shared.device().motion.moves_after(clock())
    }

    /// How many runs of steps came too late from the host, and the worst delay in seconds.
    #[must_use]
    pub fn lateness(&self) -> (u64, f64) {
        self.shared.device().motion.lateness()
    }

    /// The true temperature at a sensor (`hotend_sensor`, `bed_sensor`), °C.
    #[must_use]
    pub fn temperature(&self, sensor_pin: &str) -> Option<f64> {
        self.shared.device().temperature(clock(), sensor_pin)
    }
}

impl Drop for VirtualMcu {
    fn drop(&mut self) {
        // The thread wakes up because its end of the pair is closed.
        let closed = self.stop.shutdown(std::net::Shutdown::Both);
        if let (Ok(()), Some(thread)) = (closed, self.thread.take()) {
            // A panic of the thread was printed when it happened.
            drop(thread.join());
        }
    }
}

impl Machine for Shared {
    fn position_at(&self, at: f64) -> TruePosition {
        let wanted = (at.max(0.0) * CLOCK_HZ as f64) as u64;
        self.device().motion.position(wanted.min(clock()))
    }

    fn light_at(&self, at: f64) -> f64 {
        let now = clock();
        let wanted = ((at.max(0.0) * CLOCK_HZ as f64) as u64).min(now);
        self.device().lamp(now, wanted).map_or(1.0, |lamp| DUSK + (1.0 - DUSK) * lamp)
    }

    fn path(&self, from: usize) -> Vec<TruePosition> {
        let mut device = self.device();
        device.motion.sample(clock());
        device.motion.path(from).to_vec()
    }
}

/// The MCU's clock.
fn clock() -> u64 {
    const TICKS_PER_US: u64 = CLOCK_HZ / 1_000_000;
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * CLOCK_HZ + now.tv_nsec as u64 * TICKS_PER_US / 1_000
}

fn time_until(clock_then: u64) -> Timespec {
    let nanoseconds = (seconds(clock_then.saturating_sub(clock())) * 1e9).ceil() as i64;
    Timespec { tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000 }
}

struct Port {
    shared: Arc<Shared>,
    pty: File,
    deframer: Deframer,
    next_sequence: u8,
    last_heard: u64,
}

impl Port {
    fn serve(mut self, stopped: &UnixStream) {
        loop {
            let due = self.shared.device().next_timer();
            let timeout = due.map(time_until);
            let mut fds = [PollFd::new(&self.pty, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "the virtual MCU ends: polling its pty failed");
                    return;
                }
            }
            let delay = due.map_or(0, |due| clock().saturating_sub(due));
            if delay > DELAY_TICKS {
                tracing::warn!(seconds = seconds(delay), "the virtual MCU was not given the processor in time");
            }
            let [pty, stop] = fds.map(|fd| !fd.revents().is_empty());
            if stop {
                return;
            }
            if pty && !self.receive() {
                return;
            }
            let shared = Arc::clone(&self.shared);
            let mut device = shared.device();
            device.run_timers(clock());
            self.send(device.take_messages(), false);
        }
    }

    /// Reads what is there and answers it; false when the pty is gone.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = match self.pty.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return true,
            Err(error) => {
                tracing::error!(%error, "the virtual MCU ends: reading its pty failed");
                return false;
            }
        };
        self.last_heard = clock();
        self.deframer.push(&buffer[..length]);
        let shared = Arc::clone(&self.shared);
        let mut device = shared.device();
        let mut acknowledge = false;
        while let Some(block) = self.deframer.next_block() {
            acknowledge = true;
            if let Block::Good { sequence, payload } = block
                && sequence == self.next_sequence
            {
                self.next_sequence = (self.next_sequence + 1) % 16;
                device.handle_payload(clock(), &payload);
                // The host dates an answer by the block that it acknowledges.
                self.send(device.take_messages(), false);
            }
        }
        // An acknowledgement with the old number, after garbage or a block out of order, asks for a retransmission.
        self.send(Vec::new(), acknowledge);
        true
    }

    fn send(&mut self, messages: Vec<Vec<u8>>, acknowledge: bool) {
        if clock().saturating_sub(self.last_heard) > HOST_SILENCE_TICKS {
            return;
        }
        let mut bytes = Vec::new();
        for message in messages {
            frame::encode(&mut bytes, self.next_sequence, &message);
        }
        if acknowledge {
            frame::encode(&mut bytes, self.next_sequence, &[]);
        }
        if bytes.is_empty() {
            return;
        }
        // A host that does not read loses data, as on a serial line; the protocol copes with that.
        if let Err(error) = self.pty.write_all(&bytes) {
            tracing::debug!(%error, "the host does not read");
        }
    }
}
