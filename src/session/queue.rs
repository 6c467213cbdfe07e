//! The queue of what is to be made of sessions: one small JSON file per job, in `<store>/queue`.
//!
//! A job's file is written durably before the job counts as queued, and goes when the job is done, so a job survives a
//! kill and a power cut at any instant and is at worst done twice. Files and not rows of the journal: another process
//! (`moonlapse queue --cancel`) takes a job away by removing its file, and a journal that had to be rebuilt does not lose
//! them.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{SessionId, StoreError, disk};

/// A job that was begun so often without an end is not begun again: something about it kills the agent or the host.
const MOST_ATTEMPTS: u32 = 3;

/// The folder of the queue in the store.
const FOLDER: &str = "queue";

/// Names a job.
pub type JobId = u64;

/// What is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Of which session.
    pub session: SessionId,
    /// The film.
    pub film: bool,
    /// A zip of the frames.
    pub archive: bool,
    /// Somebody asked for it now, so it does not wait for the end of a print.
    pub asked: bool,
    /// The settings for it.
    pub settings: serde_json::Value,
    /// Now.
    pub created_at: Timestamp,
}

/// A job in the queue.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Job {
    /// Its number; jobs are done in this order.
    pub id: JobId,
    /// Of which session.
    pub session: SessionId,
    /// Make the film.
    pub film: bool,
    /// Make a zip of the frames.
    pub archive: bool,
    /// It does not wait for the end of a print.
    pub asked: bool,
    /// The settings for it.
    pub settings: serde_json::Value,
    /// When it was queued.
    pub created_at: Timestamp,
    /// How often it was begun.
    pub attempts: u32,
    /// Why the last attempt gave nothing, in a sentence.
    pub problem: Option<String>,
    /// It is not tried again; it stays until it is cancelled or asked for again.
    pub failed: bool,
    /// The films that were finished, while the agent may have stopped before it noted the end.
    #[serde(skip)]
    pub claims: Vec<Claim>,
}

/// A finished film, known by its file and not by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Which of the session's films it is.
    pub film: String,
    /// The file system.
    pub device: u64,
    /// The file's number in it.
    pub inode: u64,
    /// Its size.
    pub bytes: u64,
    /// Frames in it.
    pub frames: u32,
    /// s.
    pub duration_s: f64,
}

/// A job as it is on disk.
#[derive(Deserialize, Serialize)]
struct OnDisk {
    session: String,
    film: bool,
    archive: bool,
    #[serde(default)]
    asked: bool,
    settings: serde_json::Value,
    created_at: Timestamp,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    problem: Option<String>,
    #[serde(default)]
    failed: bool,
    #[serde(default)]
    claims: Vec<Claim>,
}

/// The queue of one store. Blocks on the disk, like the store.
#[derive(Clone, Debug)]
pub struct Queue {
    folder: PathBuf,
}

impl Queue {
    /// The queue of the store at `store`; its folder is made when the first job comes.
    #[must_use]
    pub fn of(store: &Path) -> Self {
        Self { folder: store.join(FOLDER) }
    }

    /// Queues a job. One that wants the same of the same session and has not begun takes the new settings instead. When
    /// nobody asked for it, one that has begun or failed is left as it is; else a failed one is replaced.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn add(&self, new: NewJob) -> Result<Job, StoreError> {
        disk::create_folder(&self.folder)?;
        let jobs = self.list()?;
        let same = |job: &&Job| job.session == new.session && (job.film, job.archive) == (new.film, new.archive);
        let begun = |job: &&Job| job.attempts > 0 || job.failed;
        if let Some(known) = jobs.iter().filter(same).find(begun)
            && !new.asked
        {
            return Ok(known.clone());
        }
        let id = match jobs.iter().filter(same).find(|job| !begun(job)) {
            Some(job) => job.id,
            None => jobs.last().map_or(1, |job| job.id + 1),
        };
        let NewJob { session, film, archive, asked, settings, created_at } = new;
        for failed in jobs.iter().filter(|job| job.failed && job.session == session) {
            self.remove(failed.id);
        }
        let job = Job {
            id,
            session,
            film,
            archive,
            asked,
            settings,
            created_at,
            attempts: 0,
            problem: None,
            failed: false,
            claims: Vec::new(),
        };
        self.write(&job)?;
        tracing::debug!(job = id, session = %job.session, film, archive, "job queued");
        Ok(job)
    }

    /// All jobs in order, failed ones too. What cannot be read is passed over.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn list(&self) -> Result<Vec<Job>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| StoreError::io("list", &self.folder, error))?,
        };
        let numbers = entries.flatten().filter_map(|entry| number_of(&entry.file_name().to_string_lossy()));
        let mut jobs: Vec<Job> = numbers.filter_map(|id| self.get(id)).collect();
        jobs.sort_by_key(|job| job.id);
        Ok(jobs)
    }

    /// One job; `None` when it was done or cancelled.
    #[must_use]
    pub fn get(&self, id: JobId) -> Option<Job> {
        let path = self.path(id);
        let read = || {
            let OnDisk { session, film, archive, asked, settings, created_at, attempts, problem, failed, claims } =
                serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
            let session = SessionId::parse(&session)?;
            Some(Job { id, session, film, archive, asked, settings, created_at, attempts, problem, failed, claims })
        };
        let job = read();
        if job.is_none() && path.exists() {
            tracing::warn!(job = %path.display(), "a queued job cannot be read and is passed over");
        }
        job
    }

    /// Notes, durably, that the job begins; gives it with the problem of the last attempt. `None` when there is no such job any more, or when it was begun too often
    /// without coming to an end; then it has failed.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn begin(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let Some(mut job) = self.get(id).filter(|job| !job.failed) else { return Ok(None) };
        // A finished film is only found and noted, whatever the attempts.
        if job.attempts >= MOST_ATTEMPTS && job.claims.is_empty() {
            let problem = job.problem.unwrap_or_else(|| {
                format!("it was begun {MOST_ATTEMPTS} times, and each time the agent was gone before its end")
            });
            self.fail(id, problem)?;
            return Ok(None);
        }
        job.attempts += 1;
        // On disk the job is now one that is being made; the caller still learns what was wrong before.
        self.write(&Job { problem: None, ..job.clone() })?;
        Ok(Some(job))
    }

    /// Notes that an attempt gave nothing, and that the job is to be tried again; without `counts` as if it had not
    /// begun.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn put_off(&self, id: JobId, problem: Option<String>, counts: bool) -> Result<(), StoreError> {
        self.change(id, |job| {
            job.attempts = job.attempts.saturating_sub(u32::from(!counts));
            job.problem = problem.or(job.problem.take());
        })
    }

    /// Notes the film that is about to get its name.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn claim(&self, id: JobId, claim: Claim) -> Result<(), StoreError> {
        self.change(id, |job| {
            job.claims.retain(|known| known.film != claim.film);
            job.claims.push(claim);
        })
    }

    /// Whether the job is in the queue; it is not once somebody cancelled it.
    #[must_use]
    pub fn holds(&self, id: JobId) -> bool {
        self.path(id).exists()
    }

    /// Notes that the job failed for good.
    ///
    /// # Errors
    /// The errors of the disk.
    pub fn fail(&self, id: JobId, problem: String) -> Result<(), StoreError> {
        tracing::warn!(job = id, problem, "job failed");
        self.change(id, |job| (job.failed, job.problem) = (true, Some(problem)))
    }

    /// Takes a job out: it is done, or somebody cancelled it. Gives whether it was there.
    pub fn remove(&self, id: JobId) -> bool {
        let removed = fs::remove_file(self.path(id)).is_ok();
        if removed && let Err(error) = disk::sync_folder(&self.folder) {
            // After a power cut the job may be there again, and is done again.
            tracing::debug!(%error, "the queue's folder was not synced");
        }
        removed
    }

    fn change(&self, id: JobId, change: impl FnOnce(&mut Job)) -> Result<(), StoreError> {
        // A job that was cancelled meanwhile stays cancelled.
        let Some(mut job) = self.get(id) else { return Ok(()) };
        change(&mut job);
        self.write(&job)
    }

    fn write(&self, job: &Job) -> Result<(), StoreError> {
        let Job { id, session, film, archive, asked, settings, created_at, attempts, problem, failed, claims } =
            job.clone();
        let session = session.to_string();
        let on_disk = OnDisk { session, film, archive, asked, settings, created_at, attempts, problem, failed, claims };
        let path = self.path(id);
        let json = serde_json::to_vec_pretty(&on_disk).map_err(|error| StoreError::io("write", &path, error.into()))?;
        disk::replace_durably(&path.with_extension("tmp"), &path, &json)
    }

    fn path(&self, id: JobId) -> PathBuf {
        self.folder.join(format!("{id:06}.json"))
    }
}

fn number_of(name: &str) -> Option<JobId> {
    name.strip_suffix(".json")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(session: &str) -> NewJob {
        NewJob {
            session: SessionId::parse(session).unwrap(),
            film: true,
            archive: false,
            asked: false,
            settings: serde_json::json!({"output_framerate": 25}),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn jobs_stay_in_order_until_they_are_done() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::of(dir.path());
        assert_eq!(queue.list().unwrap(), []);
        let jobs: Vec<Job> = ["a", "b", "c"].map(|name| queue.add(new(name)).unwrap()).to_vec();
        fs::write(dir.path().join("queue/000009.json"), "{").unwrap();
        assert_eq!(Queue::of(dir.path()).list().unwrap(), jobs);
        assert!(queue.remove(2) && !queue.remove(2));
        assert_eq!(queue.list().unwrap().iter().map(|job| job.id).collect::<Vec<_>>(), [1, 3]);
    }

    #[test]
    fn asking_twice_is_asking_once_with_the_newer_settings() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::of(dir.path());
        queue.add(new("a")).unwrap();
        let settings = serde_json::json!({"output_framerate": 60});
        let again = queue.add(NewJob { settings: settings.clone(), asked: true, ..new("a") }).unwrap();
        assert_eq!((again.id, &again.settings), (1, &settings));
        assert_eq!(queue.list().unwrap(), [again]);
        assert_eq!(queue.add(NewJob { archive: true, ..new("a") }).unwrap().id, 2, "that is something else");
        queue.begin(1).unwrap();
        assert_eq!(queue.add(new("a")).unwrap().id, 1, "nobody asked again");
        assert_eq!(queue.add(NewJob { asked: true, ..new("a") }).unwrap().id, 3, "what has begun has its settings");
    }

    #[test]
    fn a_job_that_takes_the_agent_down_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::of(dir.path());
        queue.add(new("a")).unwrap();
        for attempt in 1..=3 {
            assert_eq!(queue.begin(1).unwrap().unwrap().attempts, attempt);
        }
        assert_eq!(queue.begin(1).unwrap(), None);
        assert!(queue.get(1).unwrap().failed);
        assert!(queue.add(new("a")).unwrap().failed, "nobody asked again");
        let again = queue.add(NewJob { asked: true, ..new("a") }).unwrap();
        assert_eq!(queue.list().unwrap(), std::slice::from_ref(&again), "asked for again, it replaces the failed one");
        queue.begin(again.id).unwrap();
        queue.put_off(again.id, Some("the disk is full".into()), false).unwrap();
        let waiting = queue.get(again.id).unwrap();
        assert_eq!((waiting.attempts, waiting.problem.as_deref()), (0, Some("the disk is full")));
        queue.remove(again.id);
        queue.put_off(again.id, None, true).unwrap();
        assert_eq!(queue.get(again.id), None, "cancelled is cancelled");
    }
}
