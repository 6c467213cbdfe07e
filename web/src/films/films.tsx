//! Films: to see, to keep, to make again.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { address, get, part, remove } from "../api/client";
import { live } from "../api/events";
import type { Film, Job, Summary } from "../api/types";
import { fault, note } from "../app/notes";
import { href } from "../app/route";
import { OUTCOMES } from "../frames/frames";
import { frameUrl } from "../frames/rows";
import { Icon } from "../ui/icons";
import { Button, Card, Chip, Confirm, Dialog, Empty, Meter, Note, ViewHead } from "../ui/parts";
import { bytes, clock, fileName, percent, plural, rate, title, when } from "../util/format";
import { useLoad } from "../util/load";
import { useStore } from "../util/store";
import { Import } from "./import";
import { MakeDialog } from "./make";
import { beside } from "./shelf";

export function FilmsView(): JSX.Element {
  const revision = useStore(live, (l) => l.revisions.sessions);
  const jobs = useStore(live, (l) => l.jobs);
  const films = useLoad((signal) => get<{ films: readonly Film[] }>("films", signal), [revision]);
  const sessions = useLoad((signal) => get<{ sessions: readonly Summary[] }>("sessions?limit=100", signal), [revision]);
  const [playing, setPlaying] = useState<Film | null>(null);
  const [making, setMaking] = useState<Pick<Summary, "id" | "print_file"> | null>(null);
  const all = films.value?.films ?? [];
  const shown = beside(all);
  const make = (id: string) => {
    const session = sessions.value?.sessions.find((s) => s.id === id);
    setMaking(session ?? { id, print_file: id });
  };
  return (
    <>
      <ViewHead title="Films">
        <Import onDone={() => sessions.again()} />
      </ViewHead>
      <div class="stack">
        {films.error && <Note tone="bad">{films.error.message}</Note>}
        {jobs.length > 0 && <Queue jobs={jobs} sessions={sessions.value?.sessions ?? []} />}
        {shown.length === 0 && !films.loading ? (
          <section class="card">
            <Empty icon="films" title="No film yet"><p>A film is made of every print when it is done.</p></Empty>
          </section>
        ) : (
          <ul class="grid" aria-label="Films">
            {shown.map((film) => (
              <FilmCard key={film.name} film={film} onPlay={() => setPlaying(film)} onMake={make} onGone={films.again} />
            ))}
          </ul>
        )}
        <Prints sessions={sessions.value?.sessions ?? []} onMake={make} onGone={sessions.again} />
      </div>
      {playing && <PlayDialog film={playing} onClose={() => setPlaying(null)} />}
      {making && <MakeDialog session={making} onClose={() => setMaking(null)} />}
    </>
  );
}

function filmUrl(name: string, download = false): string {
  return address(`/api/films/${part(name)}${download ? "?download=1" : ""}`);
}

function Queue({ jobs, sessions }: { jobs: readonly Job[]; sessions: readonly Summary[] }): JSX.Element {
  const cancel = async (job: Job) => {
    try {
      await remove(`jobs/${part(String(job.id))}`);
      note("Cancelled. The frames are still there.");
    } catch (problem) {
      fault(problem);
    }
  };
  return (
    <Card title="Being made">
      <ul class="stack">
        {jobs.map((job) => {
          const session = sessions.find((s) => s.id === job.session);
          const what = job.film ? "Film" : "Archive";
          const name = `${what} of ${session ? fileName(session.print_file) || session.id : job.session}`;
          return (
            <li key={job.id} class="job" data-job={job.state}>
              <div>
                <p class="row">
                  <strong>{name}</strong>
                  {(job.profile ?? job.doing) && <Chip bare>{job.profile ?? job.doing}</Chip>}
                  <Chip tone={job.state === "failed" ? "bad" : job.state === "running" ? "accent" : ""}>
                    {job.state === "running" && typeof job.progress === "number" ? percent(job.progress) : title(job.state)}
                  </Chip>
                </p>
                {job.state === "running" && <Meter share={job.progress ?? 0} label={`Progress: ${name}`} />}
                {job.problem && <p class="error">{job.problem}</p>}
              </div>
              <Button label={`Cancel: ${name}`} icon="close" square look="plain" onClick={() => void cancel(job)} />
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function FilmCard(props: { film: Film; onPlay: () => void; onMake: (session: string) => void; onGone: () => void }) {
  const { film } = props;
  const [asking, setAsking] = useState(false);
  const drop = async () => {
    try {
      await remove(`films/${part(film.name)}`);
      note("Deleted.");
      props.onGone();
    } catch (problem) {
      fault(problem);
    }
  };
  const name = film.print_file ? fileName(film.print_file) : film.name;
  const facts = [
    typeof film.frames === "number" ? plural(film.frames, "frame") : null,
    typeof film.fps === "number" ? `${rate(film.fps)} a second` : null,
    film.width && film.height ? `${film.width} × ${film.height}` : null,
    bytes(film.bytes),
  ];
  const length = typeof film.duration_s === "number" ? clock(film.duration_s) : "";
  const picture = film.picture ?? (film.kind === "picture" ? film.name : null);
  return (
    <li class="card film" data-film={film.name}>
      <button type="button" class="film-picture" aria-label={`Play ${film.name}${length && `, ${length}`}`} onClick={props.onPlay} disabled={film.kind === "archive"}>
        {picture ? <img src={filmUrl(picture)} alt="" loading="lazy" /> : film.kind === "archive" && <Icon name="zip" />}
        {film.kind === "film" && <span class="film-play"><Icon name="play" /></span>}
        {length && <span class="film-length figure">{length}</span>}
      </button>
      <div class="film-text">
        <h2>{name}</h2>
        <p class="small muted figure">{when(film.made_at)}{film.profile && film.profile !== "default" && `, ${film.profile}`}</p>
        <p class="small muted figure">{facts.filter(Boolean).join(" · ")}</p>
        {film.warnings?.map((text) => <p class="small warn-text" key={text}>{text}</p>)}
      </div>
      <div class="row film-row">
        <a class="button plain square" href={filmUrl(film.name, true)} download={film.name} aria-label={`Download ${film.name}`} title="Download">
          <Icon name="download" />
        </a>
        {film.session && film.kind === "film" && (
          <Button label={`Make ${name} again`} icon="again" square look="plain" onClick={() => props.onMake(film.session!)} />
        )}
        {film.session && (
          <a class="button plain square" href={href("frames", film.session)} aria-label={`Frames of ${name}`} title="Frames">
            <Icon name="frames" />
          </a>
        )}
        <span class="spacer" />
        <Button label={`Delete ${film.name}`} icon="bin" square look="plain" onClick={() => setAsking(true)} />
      </div>
      {asking && (
        <Confirm title="Delete this film?" text={`${film.name} is deleted for ever. The frames stay, so it can be made again.`} action="Delete"
          onDo={() => void drop()} onClose={() => setAsking(false)} />
      )}
    </li>
  );
}

function PlayDialog({ film, onClose }: { film: Film; onClose: () => void }): JSX.Element {
  const [broken, setBroken] = useState(false);
  const picture = film.type.startsWith("image/");
  return (
    <Dialog title={film.name} wide onClose={onClose}>
      <div class="picture natural">
        {picture ? (
          <img src={filmUrl(film.name)} alt={`Film ${film.name}`} />
        ) : (
          <video src={filmUrl(film.name)} controls autoPlay playsInline preload="metadata" aria-label={`Film ${film.name}`}
            onError={() => setBroken(true)} />
        )}
      </div>
      {broken && <Note tone="warn">This browser does not play this kind of film. Download it instead.</Note>}
      <div class="dialog-foot">
        <a class="button" href={filmUrl(film.name, true)} download={film.name}><Icon name="download" />Download</a>
      </div>
    </Dialog>
  );
}

function Prints(props: { sessions: readonly Summary[]; onMake: (id: string) => void; onGone: () => void }): JSX.Element | null {
  const [asking, setAsking] = useState<Summary | null>(null);
  if (props.sessions.length === 0) return null;
  const forget = async (session: Summary) => {
    try {
      await remove(`sessions/${part(session.id)}`);
      note("The frames are deleted; films stay.");
      props.onGone();
    } catch (problem) {
      fault(problem);
    }
  };
  return (
    <Card title="Prints">
      <ul class="prints">
        {props.sessions.map((session) => {
          const name = fileName(session.print_file) || "Streamed print";
          return (
            <li key={session.id} data-session={session.id}>
              <a class="print-picture" href={href("frames", session.id)} aria-label={`Frames of ${name}`}>
                {session.preview ? (
                  <img src={address(frameUrl(session.id, session.preview.reel, session.preview.number))} alt="" loading="lazy" />
                ) : <Icon name="frames" />}
              </a>
              <div class="print-text">
                <p class="row"><strong>{name}</strong><Chip bare tone={OUTCOMES[session.outcome]}>{title(session.outcome)}</Chip></p>
                <p class="small muted figure">
                  {when(session.started_at)} · {plural(session.frames, "frame")}
                  {session.misses > 0 && `, ${session.misses} missed`} · {bytes(session.bytes)}
                </p>
              </div>
              <div class="row print-row">
                <Button label="Make a film" icon="films" disabled={session.frames === 0} onClick={() => props.onMake(session.id)} />
                <a class="button plain square" href={address(`/api/sessions/${part(session.id)}/archive.zip`)} download={`${session.id}.zip`}
                  aria-label={`Archive of ${name}`} title="Archive (zip)">
                  <Icon name="zip" />
                </a>
                <Button label={`Delete the frames of ${name}`} icon="bin" square look="plain" disabled={session.outcome === "printing"}
                  onClick={() => setAsking(session)} />
              </div>
            </li>
          );
        })}
      </ul>
      {asking && (
        <Confirm title="Delete these frames?" action="Delete" onDo={() => void forget(asking)} onClose={() => setAsking(null)}
          text={`${plural(asking.frames, "frame")} of ${fileName(asking.print_file) || asking.id} are deleted for ever. Films of it stay.`} />
      )}
    </Card>
  );
}

