//! The rules of the disk, one test each.

mod bench;

use menagerie::ids::{Span, VirtualTime};
use menagerie::protocol::{DiskOp, DiskResult, FileName, Image, Object, Ticket};
use std::collections::BTreeSet;

use super::{Entry, Outcome};

const WRITE: Span = Span::micros(10);
const SYNC: Span = Span::micros(1_000);
const READ: Span = Span::micros(50);
const FILE: FileName = FileName("file");
const OTHER: FileName = FileName("other");

use bench::{Bench, deck, drawing};

type Out = Outcome<u64, char>;

fn done(ticket: u64) -> Out {
    Outcome::Completed {
        ticket: Ticket(ticket),
        result: DiskResult::Done,
    }
}

fn failed(ticket: u64) -> Out {
    Outcome::Completed {
        ticket: Ticket(ticket),
        result: DiskResult::Failed,
    }
}

fn appends(records: impl IntoIterator<Item = u64>) -> Vec<DiskOp<u64>> {
    records.into_iter().map(DiskOp::Append).collect()
}

fn logs(images: &[Image<u64>]) -> BTreeSet<Vec<u64>> {
    images.iter().map(|image| image.log.clone()).collect()
}

fn files(images: &[Image<u64>], name: FileName) -> BTreeSet<Option<Option<u64>>> {
    let file = |image: &Image<u64>| image.files.get(&name).copied();
    images.iter().map(file).collect()
}

#[test]
fn a_process_death_keeps_what_was_written_and_loses_what_was_queued() {
    let mut bench = Bench::new();
    bench.perform(appends([1, 2]));
    bench.queue([DiskOp::Write(FILE, 7)]);
    bench.queue(appends([3]));
    let image = bench.die_after(Span(WRITE.0 - 1));
    assert_eq!(image.log, vec![1, 2]);
    assert_eq!(image.files.len(), 0);
}

#[test]
fn a_process_death_in_the_middle_of_a_write_pass_keeps_the_part_that_was_written() {
    for (elapsed, expected) in [(0, 0), (4, 1), (5, 2), (9, 3), (10, 4), (500, 4)] {
        let mut bench = Bench::new();
        let mut ops = appends([1, 2, 3, 4]);
        ops.push(DiskOp::SyncAll);
        bench.queue(ops);
        let image = bench.die_after(Span::micros(elapsed));
        assert_eq!(image.log.len(), expected, "after {elapsed} us");
    }
}

#[test]
fn what_was_written_but_not_synced_is_still_unsynced_for_the_next_incarnation() {
    let mut bench = Bench::new();
    bench.queue(appends([1]));
    assert_eq!(bench.die_after(WRITE).log, vec![1]);
    assert!(bench.disk.durable_image().log.is_empty());
    bench.perform([DiskOp::SyncAll]);
    assert_eq!(bench.disk.durable_image().log, vec![1]);
}

#[test]
fn completions_never_reach_a_later_incarnation() {
    let mut bench = Bench::new();
    bench.queue([DiskOp::Append(1), DiskOp::SyncAll]);
    let (_, generation) = bench.due.expect("a batch is under way");
    bench.disk.push(Entry::Gate('g'));
    bench.die_after(Span::micros(20));
    let mut out = Vec::new();
    assert!(!bench.disk.finish(generation, &mut out));
    assert_eq!(out, vec![]);
    assert_eq!(bench.perform([DiskOp::SyncAll]), vec![done(3)]);
}

#[test]
fn a_power_loss_keeps_only_a_prefix_of_unsynced_writes() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Append(1), DiskOp::SyncAll]);
    bench.perform(appends([2, 3]));
    let images = bench.after_power_loss();
    let every_prefix = [vec![1], vec![1, 2], vec![1, 2, 3]];
    assert_eq!(logs(&images), every_prefix.into_iter().collect());
    assert!(images.iter().any(|image| image.torn_tail));
    assert!(images.iter().any(|image| !image.torn_tail));
    let whole = images.iter().filter(|image| image.log.len() == 3);
    assert!(whole.into_iter().all(|image| !image.torn_tail));
    assert_eq!(bench.disk.durable_image().log, vec![1]);
}

#[test]
fn what_survived_a_loss_of_power_survives_the_next_one() {
    let mut bench = Bench::new();
    bench.perform(appends([1, 2, 3]));
    bench.perform([DiskOp::Write(FILE, 5)]);
    bench.disk.process_death(bench.now);
    bench.disk.power_loss(1, deck(3), &mut drawing());
    let left = bench.disk.image();
    assert!(bench.after_power_loss().iter().all(|image| *image == left));
}

#[test]
fn a_torn_file_has_a_name_but_no_content() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Write(FILE, 1), DiskOp::SyncAll]);
    bench.perform([DiskOp::Write(FILE, 2), DiskOp::Write(FILE, 3)]);
    assert_eq!(bench.disk.image().file(FILE), Some(&3));
    let found = files(&bench.after_power_loss(), FILE);
    let possible = [Some(None), Some(Some(1)), Some(Some(2)), Some(Some(3))];
    assert_eq!(found, possible.into_iter().collect());
}

#[test]
fn replacing_a_file_by_a_rename_leaves_the_old_content_or_the_new() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Write(FILE, 1), DiskOp::SyncAll]);
    bench.perform([
        DiskOp::Write(OTHER, 2),
        DiskOp::Sync(Object::File(OTHER)),
        DiskOp::Rename {
            from: OTHER,
            to: FILE,
        },
    ]);
    let found = files(&bench.after_power_loss(), FILE);
    assert_eq!(found, [Some(Some(1)), Some(Some(2))].into_iter().collect());
    bench.perform([DiskOp::Sync(Object::Directory)]);
    let found = files(&bench.after_power_loss(), FILE);
    assert_eq!(found, [Some(Some(2))].into_iter().collect());
}

#[test]
fn a_rename_of_an_unsynced_file_may_leave_it_torn() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Write(FILE, 1), DiskOp::SyncAll]);
    bench.perform([
        DiskOp::Write(OTHER, 2),
        DiskOp::Rename {
            from: OTHER,
            to: FILE,
        },
        DiskOp::Sync(Object::Directory),
    ]);
    assert!(files(&bench.after_power_loss(), FILE).contains(&Some(None)));
}

#[test]
fn a_new_file_that_is_synced_needs_its_directory_synced_too() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Write(FILE, 1), DiskOp::Sync(Object::File(FILE))]);
    let found = files(&bench.after_power_loss(), FILE);
    assert_eq!(found, [None, Some(Some(1))].into_iter().collect());
}

#[test]
fn a_cut_not_synced_can_be_undone_by_a_power_loss_with_everything_appended_after_it() {
    let mut bench = Bench::new();
    bench.perform(appends([1, 2, 3]));
    bench.perform([DiskOp::SyncAll, DiskOp::CutAfter(1), DiskOp::Append(20)]);
    bench.perform([DiskOp::Sync(Object::Log)]);
    assert_eq!(bench.disk.image().log, vec![1, 20]);
    let found = logs(&bench.after_power_loss());
    assert_eq!(found, [vec![1, 2, 3], vec![1, 20]].into_iter().collect());
    assert_eq!(bench.disk.durable_image().log, vec![1, 2, 3]);
    bench.perform([DiskOp::Sync(Object::Directory)]);
    let found = logs(&bench.after_power_loss());
    assert_eq!(found, [vec![1, 20]].into_iter().collect());
}

#[test]
fn directory_operations_survive_as_an_ordered_prefix() {
    let mut bench = Bench::new();
    bench.perform(appends([1, 2, 3, 4]));
    bench.perform([
        DiskOp::SyncAll,
        DiskOp::DropThrough(1),
        DiskOp::CutAfter(3),
        DiskOp::DropThrough(2),
    ]);
    let image = bench.disk.image();
    assert_eq!((image.log_first, image.log), (3, vec![3]));
    let found: BTreeSet<_> = bench
        .after_power_loss()
        .into_iter()
        .map(|image| (image.log_first, image.log))
        .collect();
    let prefixes = [
        (1, vec![1, 2, 3, 4]),
        (2, vec![2, 3, 4]),
        (2, vec![2, 3]),
        (3, vec![3]),
    ];
    assert_eq!(found, prefixes.into_iter().collect());
}

#[test]
fn a_sync_of_the_log_leaves_the_unsynced_records_below_a_cut_as_they_were() {
    let mut bench = Bench::new();
    bench.perform(appends([1, 2, 3]));
    bench.perform([
        DiskOp::CutAfter(2),
        DiskOp::Append(30),
        DiskOp::Sync(Object::Directory),
        DiskOp::Sync(Object::Log),
    ]);
    // Where the old segment lost records, recovery cannot read on to the durable 30.
    let found = logs(&bench.after_power_loss());
    let possible = [vec![], vec![1], vec![1, 2, 30]];
    assert_eq!(found, possible.into_iter().collect());
    bench.perform([DiskOp::SyncAll]);
    let found = logs(&bench.after_power_loss());
    assert_eq!(found, [vec![1, 2, 30]].into_iter().collect());
}

#[test]
fn a_cut_of_the_whole_log_can_be_appended_to() {
    let mut bench = Bench::new();
    bench.perform(appends([1, 2]));
    bench.perform([DiskOp::CutAfter(0), DiskOp::Append(10), DiskOp::SyncAll]);
    let image = bench.disk.durable_image();
    assert_eq!((image.log_first, image.log), (1, vec![10]));
}

#[test]
fn dropping_the_whole_log_keeps_its_numbering() {
    let mut bench = Bench::new();
    bench.perform(appends([1, 2]));
    bench.perform([DiskOp::DropThrough(2), DiskOp::Append(3), DiskOp::SyncAll]);
    let image = bench.disk.durable_image();
    assert_eq!((image.log_first, image.log_last()), (3, 3));
    assert_eq!(image.log, vec![3]);
}

#[test]
fn appends_and_syncs_that_wait_together_share_one_fsync() {
    let mut bench = Bench::new();
    bench.queue([DiskOp::Append(1), DiskOp::SyncAll]);
    // These come while the first fsync runs.
    bench.queue([DiskOp::Append(2), DiskOp::SyncAll]);
    bench.disk.push(Entry::Gate('a'));
    bench.queue([DiskOp::Append(3), DiskOp::Sync(Object::Log)]);
    bench.disk.push(Entry::Gate('b'));
    bench.queue([DiskOp::Append(4)]);
    assert_eq!(bench.next(), vec![done(2)]);
    assert_eq!(bench.now, VirtualTime(WRITE.0 + SYNC.0));
    let second = bench.next();
    let expected = [
        done(4),
        Outcome::Released('a'),
        done(6),
        Outcome::Released('b'),
    ];
    assert_eq!(second, expected);
    assert_eq!(bench.now, VirtualTime(2 * (WRITE.0 + SYNC.0)));
    assert_eq!(bench.disk.durable_image().log, vec![1, 2, 3]);
    assert_eq!(bench.next(), vec![]);
    assert_eq!(bench.now, VirtualTime(3 * WRITE.0 + 2 * SYNC.0));
    assert_eq!(bench.disk.image().log, vec![1, 2, 3, 4]);
}

#[test]
fn a_gate_opens_behind_the_operations_before_it_and_not_earlier() {
    let mut bench = Bench::new();
    bench.queue([DiskOp::Write(FILE, 1)]);
    bench.disk.push(Entry::Gate('w'));
    bench.queue([DiskOp::Sync(Object::File(FILE))]);
    bench.disk.push(Entry::Gate('s'));
    assert_eq!(bench.next(), vec![]);
    assert_eq!(bench.next(), vec![Outcome::Released('w')]);
    assert_eq!(bench.next(), vec![done(2)]);
    assert_eq!(bench.next(), vec![Outcome::Released('s')]);
    assert_eq!(bench.now, VirtualTime(WRITE.0 + SYNC.0));
}

#[test]
fn a_sync_with_nothing_to_sync_takes_no_time() {
    let mut bench = Bench::new();
    assert_eq!(bench.perform([DiskOp::SyncAll]), vec![done(1)]);
    assert_eq!(bench.now, VirtualTime(0));
    bench.perform([DiskOp::Append(1), DiskOp::SyncAll]);
    let then = bench.now;
    bench.perform([DiskOp::SyncAll, DiskOp::Sync(Object::Directory)]);
    assert_eq!(bench.now, then);
}

#[test]
fn reading_back_shows_what_was_queued_before_it_synced_or_not() {
    let mut bench = Bench::new();
    bench.queue(appends([1]));
    bench.disk.push(Entry::Reload);
    bench.queue(appends([2]));
    let out = bench.drain();
    let [Outcome::Reloaded(image)] = &out[..] else {
        panic!("one answer, not {out:?}");
    };
    assert_eq!(image.log, vec![1]);
    assert_eq!(bench.disk.image().log, vec![1, 2]);
}

#[test]
fn a_failed_sync_says_so_and_a_later_one_does_not_repair_it() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Append(1), DiskOp::SyncAll]);
    bench.disk.fail_syncs(1);
    let out = bench.perform([DiskOp::Append(2), DiskOp::Append(3), DiskOp::SyncAll]);
    assert_eq!(out, vec![failed(5)]);
    bench.perform([DiskOp::Write(FILE, 9)]);
    assert_eq!(bench.perform([DiskOp::SyncAll]), vec![done(7)]);
    assert_eq!(bench.disk.image().log, vec![1, 2, 3]);
    let images = bench.after_power_loss();
    let possible = [vec![1], vec![1, 2], vec![1, 2, 3]];
    assert_eq!(logs(&images), possible.into_iter().collect());
    assert_eq!(files(&images, FILE), [Some(Some(9))].into_iter().collect());
    assert_eq!(bench.disk.durable_image().log, vec![1]);
}

#[test]
fn nothing_is_promised_behind_a_failed_sync_until_the_process_starts_again() {
    let mut bench = Bench::new();
    bench.disk.fail_syncs(1);
    let promised = |bench: &mut Bench, record| {
        bench.queue([DiskOp::Append(record), DiskOp::SyncAll]);
        bench.disk.push(Entry::Gate('p'));
        bench.begin();
        bench.drain().contains(&Outcome::Released('p'))
    };
    assert!(!promised(&mut bench, 1), "its own sync failed");
    assert!(!promised(&mut bench, 2), "an earlier sync failed");
    bench.die_after(Span::ZERO);
    assert!(promised(&mut bench, 3), "a new process starts afresh");
}

#[test]
fn what_is_queued_behind_a_failed_sync_is_cancelled() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Write(FILE, 1), DiskOp::SyncAll]);
    bench.disk.fail_syncs(1);
    let out = bench.perform([
        DiskOp::Write(OTHER, 2),
        DiskOp::Sync(Object::File(OTHER)),
        DiskOp::Rename {
            from: OTHER,
            to: FILE,
        },
        DiskOp::Sync(Object::Directory),
        DiskOp::Append(7),
    ]);
    assert_eq!(out, vec![failed(4), failed(6)]);
    assert!(bench.disk.is_broken() && bench.disk.is_idle());
    assert!(bench.disk.image().log.is_empty());
    let found = files(&bench.after_power_loss(), FILE);
    assert_eq!(found, [Some(Some(1))].into_iter().collect());
}

#[test]
fn a_sync_that_is_under_way_when_syncs_are_mended_does_not_fail() {
    let mut bench = Bench::new();
    bench.disk.fail_syncs(2);
    bench.queue([DiskOp::Append(1), DiskOp::SyncAll]);
    bench.disk.mend_syncs();
    assert_eq!(bench.drain(), vec![done(2)]);
    assert!(!bench.disk.is_broken());
}

#[test]
fn a_file_whose_sync_failed_is_kept_or_lost_until_it_is_written_again() {
    let mut bench = Bench::new();
    bench.perform([DiskOp::Write(FILE, 1), DiskOp::SyncAll]);
    bench.disk.fail_syncs(1);
    let out = bench.perform([DiskOp::Write(FILE, 2), DiskOp::Sync(Object::File(FILE))]);
    assert_eq!(out, vec![failed(4)]);
    bench.perform([DiskOp::Sync(Object::File(FILE))]);
    let found = files(&bench.after_power_loss(), FILE);
    assert_eq!(found, [Some(Some(1)), Some(Some(2))].into_iter().collect());
    bench.perform([DiskOp::Write(FILE, 3), DiskOp::Sync(Object::File(FILE))]);
    let found = files(&bench.after_power_loss(), FILE);
    assert_eq!(found, [Some(Some(3))].into_iter().collect());
}

#[test]
fn a_slow_disk_takes_longer_until_the_slow_down_ends() {
    let mut bench = Bench::new();
    let (long, short) = (Span::millis(3), Span::millis(1));
    bench.disk.slow(long);
    bench.disk.slow(short);
    bench.perform([DiskOp::Append(1), DiskOp::SyncAll]);
    let normal = WRITE.0 + SYNC.0;
    assert_eq!(bench.now, VirtualTime(normal + long.0 + short.0));
    bench.disk.unslow(long);
    bench.perform([DiskOp::Append(2), DiskOp::SyncAll]);
    assert_eq!(bench.now, VirtualTime(2 * normal + long.0 + 2 * short.0));
}
