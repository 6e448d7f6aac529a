//! Logins in commits: what a login takes as a multiple of what a commit of SQLite takes.

use super::FigureRow;
use crate::{
    commits::{BATCH, COMMITS, Commits},
    operations::Operation,
    round::{Name, RequestFigures, Round},
    servers::ServerKind,
};

/// The figures of a round that the rows need.
struct Figures<'a> {
    login: &'a RequestFigures,
    logins: &'a RequestFigures,
    commit: &'a RequestFigures,
    batch: &'a RequestFigures,
}

impl<'a> Figures<'a> {
    fn of(round: &'a Round) -> Option<Self> {
        let login = |connections| {
            round.find(Name {
                server: ServerKind::Sessiond.name(),
                operation: Operation::Login.name(),
                connections,
            })
        };
        let commit = |commits: Commits| round.find(commits.name());
        let [one, batch] = COMMITS;
        Some(Self {
            login: login(1)?,
            logins: login(BATCH)?,
            commit: commit(one)?,
            batch: commit(batch)?,
        })
    }
}

/// The rows of all rounds.
pub(super) fn rows(rounds: &[Round]) -> Vec<FigureRow> {
    let row = |name: String, value: fn(&Figures<'_>) -> f64| {
        let figures = rounds.iter().filter_map(Figures::of);
        FigureRow::of(name, "×", figures.map(|figures| value(&figures)))
    };
    let rows = [
        row(
            format!("p99 of a login, {BATCH} at once, in median commits of {BATCH} inserts"),
            |figures| figures.logins.p99 / figures.batch.p50,
        ),
        row(
            format!("p50 of a login, {BATCH} at once, in median commits of {BATCH} inserts"),
            |figures| figures.logins.p50 / figures.batch.p50,
        ),
        row(
            format!("p99 of a login, {BATCH} at once, in p99 commits of {BATCH} inserts"),
            |figures| figures.logins.p99 / figures.batch.p99,
        ),
        row(
            "p50 of a login alone, in median commits of one insert".to_owned(),
            |figures| figures.login.p50 / figures.commit.p50,
        ),
        row(
            "p99 of a login alone, in p99 commits of one insert".to_owned(),
            |figures| figures.login.p99 / figures.commit.p99,
        ),
        row(
            format!("CPU time of a login alone over one of {BATCH} at once"),
            |figures| figures.login.cpu / figures.logins.cpu,
        ),
    ];
    rows.into_iter().flatten().collect()
}
