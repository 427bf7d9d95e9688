use super::*;
use std::fs;

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    (directory, path)
}

fn open(path: &Path) -> (Slots, Option<Vec<u8>>) {
    Slots::open(path).unwrap()
}

fn damage(path: &Path, at: usize, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at as u64).unwrap();
}

#[test]
fn a_new_file_is_full_size_private_and_holds_nothing() {
    use std::os::unix::fs::MetadataExt;
    let (_directory, path) = place();
    let (_slots, payload) = open(&path);
    assert_eq!(payload, None);
    let about = fs::metadata(&path).unwrap();
    assert_eq!(about.len(), (SLOTS * SLOT_BYTES) as u64);
    assert!(about.blocks() * 512 >= about.len(), "its blocks are real");
    assert_eq!(about.mode() & 0o777, 0o600);
    assert_eq!(open(&path).1, None);
}

#[test]
fn the_newest_payload_is_found_again() {
    let (_directory, path) = place();
    for round in 0..5u8 {
        let (mut slots, _) = open(&path);
        slots.store(&[round; 100]).unwrap();
        slots.store(&[round + 100; 7]).unwrap();
        assert_eq!(open(&path).1, Some(vec![round + 100; 7]));
    }
    let (mut slots, _) = open(&path);
    slots.store(&[]).unwrap();
    assert_eq!(open(&path).1, Some(vec![]), "an empty payload is a payload");
}

#[test]
fn a_slot_torn_at_any_place_falls_back_to_the_other() {
    let (_directory, path) = place();
    let (mut slots, _) = open(&path);
    slots.store(b"old but whole").unwrap();
    slots.store(b"the newest of all").unwrap();
    let whole = fs::read(&path).unwrap();
    let newest = offset(slots.current) as usize;
    for at in (0..8).chain(12..28).chain(32..40) {
        fs::write(&path, &whole).unwrap();
        damage(&path, newest + at, &[!whole[newest + at]]);
        let (slots, payload) = open(&path);
        assert_eq!(payload, Some(b"old but whole".to_vec()), "byte {at}");
        assert!(slots.may_be_old(), "byte {at}");
    }
    fs::write(&path, &whole).unwrap();
    damage(&path, newest, &[0; SLOT_BYTES]);
    let (mut slots, payload) = open(&path);
    assert_eq!(payload, Some(b"old but whole".to_vec()));
    slots.store(b"after").unwrap();
    assert!(!open(&path).0.may_be_old());
    assert_eq!(open(&path).1, Some(b"after".to_vec()));
}

#[test]
fn a_prefix_of_the_new_slot_over_the_older_one_is_harmless() {
    let (_directory, path) = place();
    let (mut slots, _) = open(&path);
    slots.store(&[1; 4000]).unwrap();
    slots.store(&[2; 4000]).unwrap();
    let target = offset(1 - slots.current) as usize;
    let next = encode(3, &[3; 4000]).unwrap();
    let before = fs::read(&path).unwrap();
    for written in [1, 8, 12, 16, 20, 27, 31, 512, 4096] {
        fs::write(&path, &before).unwrap();
        damage(&path, target, &next[..written.min(next.len() - 1)]);
        if written < next.len() {
            assert_eq!(open(&path).1, Some(vec![2; 4000]), "{written} bytes");
        }
    }
}

#[test]
fn two_bad_slots_are_named_and_left_alone() {
    let (_directory, path) = place();
    let (mut slots, _) = open(&path);
    slots.store(b"one").unwrap();
    slots.store(b"two").unwrap();
    damage(&path, HEADER_BYTES, b"X");
    damage(&path, SLOT_BYTES, b"garbage!");
    let before = fs::read(&path).unwrap();
    let error = Slots::open(&path).unwrap_err();
    assert!(matches!(
        error,
        SlotsError::NoValidSlot {
            first: SlotFault::Checksum { sequence: 2 },
            second: SlotFault::NotASlot,
            ..
        }
    ));
    assert!(
        error.to_string().contains("sequence 2, wrong checksum"),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn empty_and_blank_files_are_refused() {
    let (_directory, path) = place();
    fs::write(&path, b"").unwrap();
    assert!(matches!(
        Slots::open(&path).unwrap_err(),
        SlotsError::NoValidSlot {
            first: SlotFault::Short,
            second: SlotFault::Short,
            ..
        }
    ));
    fs::write(&path, vec![0; SLOTS * SLOT_BYTES]).unwrap();
    assert!(matches!(
        Slots::open(&path).unwrap_err(),
        SlotsError::NoValidSlot {
            first: SlotFault::Blank,
            second: SlotFault::Blank,
            ..
        }
    ));
}

#[test]
fn a_file_cut_after_its_first_slot_is_used_and_healed() {
    let (_directory, path) = place();
    let (mut slots, _) = open(&path);
    slots.store(b"one").unwrap();
    slots.store(b"two").unwrap();
    OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(SLOT_BYTES as u64)
        .unwrap();
    let (mut slots, payload) = open(&path);
    assert_eq!(payload, Some(b"two".to_vec()));
    slots.store(b"three").unwrap();
    assert_eq!(open(&path).1, Some(b"three".to_vec()));
}

#[test]
fn a_newer_format_is_refused_and_never_rewritten() {
    let (_directory, path) = place();
    let (mut slots, _) = open(&path);
    slots.store(b"one").unwrap();
    damage(&path, SLOT_BYTES + 8, &(FORMAT_VERSION + 1).to_le_bytes());
    let before = fs::read(&path).unwrap();
    assert!(matches!(
        Slots::open(&path).unwrap_err(),
        SlotsError::NewerFormat { found, .. } if found == FORMAT_VERSION + 1
    ));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_payload_that_is_too_large_changes_nothing() {
    let (_directory, path) = place();
    let (mut slots, _) = open(&path);
    slots.store(&[7; MAX_PAYLOAD]).unwrap();
    assert!(matches!(
        slots.store(&[8; MAX_PAYLOAD + 1]).unwrap_err(),
        SlotsError::TooLarge { length, .. } if length == MAX_PAYLOAD + 1
    ));
    assert_eq!(open(&path).1, Some(vec![7; MAX_PAYLOAD]));
}

#[test]
fn the_payload_before_a_failed_write_stays_the_newest() {
    let (_directory, path) = place();
    let (mut slots, _) = open(&path);
    slots.store(b"good").unwrap();
    let writable = std::mem::replace(&mut slots.file, File::open(&path).unwrap());
    assert!(matches!(
        slots.store(b"lost").unwrap_err(),
        SlotsError::Io {
            attempt: "write",
            ..
        }
    ));
    assert_eq!(open(&path).1, Some(b"good".to_vec()));
    slots.file = writable;
    slots.store(b"again").unwrap();
    assert_eq!(open(&path).1, Some(b"again".to_vec()));
}

/// A file system of one megabyte, full to the last block (needs root, as the whole suite does).
#[test]
fn a_full_disk_is_no_obstacle() {
    use std::process::Command;
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
        .arg(place)
        .status();
    assert!(mounted.unwrap().success());
    let outcome = std::panic::catch_unwind(|| {
        let path = place.join("state");
        let (mut slots, _) = open(&path);
        let mut filler = File::create(place.join("filler")).unwrap();
        while filler.write_all(&[1; 4096]).is_ok() {}
        for round in 0..10 {
            slots.store(&[round; MAX_PAYLOAD]).unwrap();
        }
        assert_eq!(open(&path).1, Some(vec![9; MAX_PAYLOAD]));
        let error = Slots::open(&place.join("another")).unwrap_err();
        assert!(
            matches!(
                error,
                SlotsError::Io {
                    attempt: "fill",
                    ..
                }
            ),
            "{error}"
        );
    });
    assert!(
        Command::new("umount")
            .arg(place)
            .status()
            .unwrap()
            .success()
    );
    outcome.unwrap();
}
