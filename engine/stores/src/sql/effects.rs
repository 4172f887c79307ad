//! The effect journal: what was made outside, by run, step and name.

use engine_ports::{EffectKey, EffectRecord, RunRow, StoreError};
use vocab::RunId;

use super::cells::{Table, bigint, json};
use super::insert::{Insert, ROWS, last_of_each};
use crate::dialect::{Connection, Failure, Pool, Row, query};

const TABLE: Table = Table { name: "effects", key: &["run", "path", "name"] };

const PUT: Insert = Insert {
    head: "INSERT INTO effects (run, path, name, tenant, action, intent, handle, state, attempt, seq)",
    columns: 10,
    tail: "ON CONFLICT (run, path, name) DO UPDATE SET action = excluded.action, intent = excluded.intent, \
        handle = excluded.handle, state = excluded.state, attempt = excluded.attempt, seq = excluded.seq",
};
pub(super) const OF_RUN: &str = "SELECT run, path, name, action, intent, handle, state, attempt, seq \
     FROM effects WHERE run = $1";
// The state stands in the text, since the index is over it alone.
pub(super) const STUCK: &str = "SELECT COUNT(*) AS stuck FROM effects WHERE state = 'stuck'";

/// Removes those of a run.
pub(super) async fn remove(connection: &mut Connection<'_>, run: RunId) -> Result<(), Failure> {
    query("DELETE FROM effects WHERE run = $1").bind(run.to_string()).execute(connection).await?;
    Ok(())
}

/// Writes the effects that changed.
pub(super) async fn put(
    connection: &mut Connection<'_>,
    run: &RunRow,
    effects: &[EffectRecord],
) -> Result<(), Failure> {
    let id = run.id.to_string();
    let effects = last_of_each(effects, |effect| &effect.key);
    for effects in effects.chunks(ROWS) {
        let mut query = query(PUT.sql(effects.len(), connection));
        for effect in effects {
            query = query
                .bind(&id)
                .bind(effect.key.path.to_string())
                .bind(&effect.key.name)
                .bind(run.tenant.as_str())
                .bind(effect.action.to_string())
                .bind(json(&effect.intent)?)
                .bind(effect.handle.as_ref().map(json).transpose()?)
                .bind(effect.state.name())
                .bind(i64::from(effect.attempt))
                .bind(bigint(effect.seq)?);
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// The effects of a run, in journal order.
pub(super) async fn of_run(pool: Pool<'_>, run: RunId) -> Result<Vec<EffectRecord>, Failure> {
    let rows = query(OF_RUN).bind(run.to_string()).fetch_all(pool).await?;
    let mut effects = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    effects.sort_by(|a, b| (a.seq, &a.key).cmp(&(b.seq, &b.key)));
    Ok(effects)
}

/// How many effects are stuck.
pub(super) async fn stuck(pool: Pool<'_>) -> Result<u64, Failure> {
    let row = query(STUCK).fetch_one(pool).await?;
    Ok(TABLE.cells(&row).number("stuck")?)
}

fn read(row: &Row) -> Result<EffectRecord, StoreError> {
    let cells = TABLE.cells(row);
    Ok(EffectRecord {
        key: EffectKey { run: cells.parse("run")?, path: cells.parse("path")?, name: cells.get("name")? },
        action: cells.parse("action")?,
        intent: cells.json("intent")?,
        handle: cells.some_json("handle")?,
        state: cells.parse("state")?,
        attempt: cells.number("attempt")?,
        seq: cells.number("seq")?,
    })
}
