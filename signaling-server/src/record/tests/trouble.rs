//! A database that somebody else has, a disk that is full, and the thread that stores batches in between.

use std::{sync::Arc, time::Duration};

use rusqlite::TransactionBehavior;
use tokio::task::JoinSet;

use super::*;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn a_database_that_another_process_has_is_busy_and_nothing_is_written() {
    let mut fixture = Fixture::new();
    let (room, batch) = a_batch(&mut fixture);
    let before = fixture.dump();
    let mut other = Connection::open(&fixture.path).unwrap();
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    fixture.connection.busy_timeout(Duration::from_millis(10)).unwrap();
    assert_eq!(ingest(&mut fixture.connection, &room, &batch, batch.sent_ms), Err(IngestError::Busy));
    let arrival = Arrival { room_id: room.clone(), batch: batch.clone(), received_ms: batch.sent_ms };
    let answers = ingest_all(&mut fixture.connection, &[arrival.clone(), arrival]);
    assert_eq!(answers, [Err(IngestError::Busy), Err(IngestError::Busy)]);
    assert!(!IngestError::Busy.is_refusal() && IngestError::Busy.to_string().contains("Try again"));
    assert!(matches!(delete_call(&mut fixture.connection, &room, "ann", NOON), Err(RecordError::Busy)));
    assert!(matches!(keep_days(&mut fixture.connection, 1, i64::MAX), Err(RecordError::Busy)));
    assert_eq!(fixture.dump(), before, "it can be read all the while");
    drop(lock);
    ingest(&mut fixture.connection, &room, &batch, batch.sent_ms).unwrap();
}

#[test]
fn a_full_disk_takes_a_batch_whole_or_not_at_all() {
    let mut fixture = Fixture::new();
    let shape = CallShape { windows: 400, windows_per_batch: 100, ..shape(1) };
    fixture.apply(&synthetic::entries(&shape));
    let arrivals: Vec<Arrival> = synthetic::batches(&shape)
        .into_iter()
        .map(|batch| Arrival { room_id: shape.room_id(), received_ms: batch.sent_ms, batch })
        .collect();
    ingest_all(&mut fixture.connection, &arrivals[..2]).into_iter().for_each(|answer| drop(answer.unwrap()));
    let before = fixture.dump();
    let pages: i64 = fixture.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    for more in [0, 1, 7, 40] {
        fixture.connection.pragma_update(None, "max_page_count", pages + more).unwrap();
        let answers = ingest_all(&mut fixture.connection, &arrivals[2..]);
        assert!(answers.iter().all(|answer| *answer == Err(IngestError::Full)), "{more}: {answers:?}");
        assert_eq!(fixture.dump(), before, "{more}");
    }
    assert!(IngestError::Full.to_string().contains("disk is full"));
    fixture.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    let answers = ingest_all(&mut fixture.connection, &arrivals);
    let stored: u32 = answers.into_iter().map(|answer| answer.unwrap().stored).sum();
    assert!(stored > 0);
    assert_eq!(fixture.count("log_sample") as u64, shape.samples());
}

#[test]
fn the_writer_answers_each_for_itself_and_removes_in_between() {
    let fixture = Fixture::with(&[CallShape { windows: 200, windows_per_batch: 50, ..shape(9) }]);
    let mut other = Fixture { connection: open_to_write(&fixture.path).unwrap(), ..fixture };
    let shapes: Vec<_> = (0..8).map(shape).collect();
    shapes.iter().for_each(|shape| other.apply(&synthetic::entries(shape)));
    let writer = LogWriter::open(&other.path, Arc::new(Turn::default())).unwrap();
    let handle = writer.handle();
    runtime().block_on(async {
        let mut sent = JoinSet::new();
        for shape in &shapes {
            for batch in synthetic::batches(shape) {
                let (handle, room, received_ms) = (handle.clone(), shape.room_id(), batch.sent_ms);
                sent.spawn(async move { handle.ingest(room, batch, received_ms).await });
            }
        }
        let refused = handle.ingest("r-none".into(), synthetic::batches(&shapes[0]).remove(0), NOON).await;
        assert_eq!(refused, Err(IngestError::UnknownRoom));
        let gone = handle.delete_call(shape(9).room_id(), "ann".into(), NOON).await.unwrap();
        assert_eq!(gone, Deleted::Done);
        while let Some(answer) = sent.join_next().await {
            assert!(answer.unwrap().unwrap().stored > 0);
        }
        handle.keep_days(1, NOON).await.unwrap();
    });
    writer.finish();
    // Whatever is left of the deleted call is removed by the next one, as it starts.
    let writer = LogWriter::open(&other.path, Arc::new(Turn::default())).unwrap();
    while other.count("log_doomed") > 0 {
        std::thread::yield_now();
    }
    writer.finish();
    assert_eq!(other.count("log_sample") as u64, shapes.iter().map(CallShape::samples).sum::<u64>());
    let late = runtime().block_on(handle.ingest(shapes[0].room_id(), synthetic::batches(&shapes[0]).remove(0), NOON));
    assert_eq!(late, Err(IngestError::Closed));
}

#[test]
fn more_than_may_wait_is_busy_at_once() {
    let mut fixture = Fixture::new();
    let shape = CallShape { windows: 400, windows_per_batch: 400, ..shape(1) };
    fixture.apply(&synthetic::entries(&shape));
    let turn = Arc::new(Turn::default());
    let writer = LogWriter::open(&fixture.path, turn.clone()).unwrap();
    let handle = writer.handle();
    // The writer cannot go on while another has the turn, so that all else must wait.
    let held = turn.take();
    runtime().block_on(async {
        let mut waiting = JoinSet::new();
        let batches = synthetic::batches(&shape);
        for number in 0..40 {
            let (handle, room) = (handle.clone(), shape.room_id());
            let mut batch = batches[number % 3].clone();
            batch.id = format!("batch-number-{number}");
            let received_ms = batch.sent_ms;
            waiting.spawn(async move { handle.ingest(room, batch, received_ms).await });
        }
        let mut answers = Vec::new();
        while !answers.contains(&Err(IngestError::Busy)) {
            answers.push(waiting.join_next().await.unwrap().unwrap());
        }
        drop(held);
        while let Some(answer) = waiting.join_next().await {
            answers.push(answer.unwrap());
        }
        let busy = answers.iter().filter(|answer| **answer == Err(IngestError::Busy)).count();
        assert!((1..40).contains(&busy), "{busy} of {}", answers.len());
        assert!(answers.iter().all(|answer| answer.is_ok() || *answer == Err(IngestError::Busy)));
    });
    writer.finish();
}
