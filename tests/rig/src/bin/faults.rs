//! Prints the fault matrix. `scripts/faults` runs it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use moonlapse_rig::faults::{Fault, Phase, Row, Way, run_row, table};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Makes each fault in each phase of a frame, on simulated printers, and prints what came of it.
#[derive(Parser)]
struct Args {
    /// The agent's program.
    #[arg(long)]
    agent: PathBuf,
    /// How frames are taken; both ways unless given.
    #[arg(long)]
    way: Option<Way>,
    /// Only these faults.
    #[arg(long)]
    fault: Vec<Fault>,
    /// Only these phases.
    #[arg(long)]
    phase: Vec<Phase>,
    /// How many rows run side by side.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .init();
    let args = Args::parse();
    let agent = args.agent.canonicalize().context("finding the agent")?;
    let faults = if args.fault.is_empty() { Fault::ALL.to_vec() } else { args.fault };
    let mut phases = if args.phase.is_empty() { Phase::ALL.to_vec() } else { args.phase };
    phases.sort();
    let mut ok = true;
    for way in args.way.map_or_else(|| Way::value_variants().to_vec(), |way| vec![way]) {
        println!(
            "{}",
            match way {
                Way::SlicerCalls => "Files with calls of their own",
                Way::Live => "Unmodified files, filmed live",
            }
        );
        let places = Arc::new(Semaphore::new(args.jobs.max(1)));
        let mut running = JoinSet::new();
        for &fault in &faults {
            let (places, agent, phases) = (Arc::clone(&places), agent.clone(), phases.clone());
            running.spawn(async move {
                let _place = places.acquire_owned().await?;
                let begun = std::time::Instant::now();
                let row = run_row(&agent, way, fault, &phases).await;
                eprintln!("{fault:?} took {:.0} s", begun.elapsed().as_secs_f64());
                anyhow::Ok(row)
            });
        }
        let mut rows = running.join_all().await.into_iter().collect::<anyhow::Result<Vec<Row>>>()?;
        rows.sort_by_key(|row| row.fault);
        ok &= rows.iter().all(Row::is_ok);
        println!("{}", table(&rows));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
