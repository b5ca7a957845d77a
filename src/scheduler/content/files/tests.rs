//! Uploads from beginning to end, what they leave, and who gets at them.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::config::ByteSize;
use crate::scheduler::testing::*;
use crate::scheduler::{Conflict, Denied, Lobby, SchedulerSettings, UploadError};
use crate::store::StoreError;

const PDF: &[u8] = b"%PDF-1.7\nsome pages";

impl Desk {
    async fn upload(&self, actor: Actor, name: &str, kind: &str, content: &[u8]) -> Result<File, Error> {
        let mut upload = self.scheduler.begin_upload(actor, appointment_id(1), name, kind).await?;
        for piece in content.chunks(10_000) {
            upload.write(piece).await?;
        }
        upload.finish().await
    }

    /// What lies on the disk, by its path below the folder of files.
    fn on_disk(&self) -> Vec<String> {
        let root = self.scheduler.store().folder().files();
        let mut all = Vec::new();
        let Ok(folders) = std::fs::read_dir(&root) else { return all };
        for folder in folders {
            let folder = folder.unwrap().path();
            if !folder.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(folder).unwrap() {
                all.push(file.unwrap().path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
        all.sort();
        all
    }
}

fn limited(max_size: u64) -> Desk {
    let mut settings = SchedulerSettings::default();
    settings.files.max_size = ByteSize(max_size);
    let desk = Desk::with(settings);
    desk.approved(Lobby::Off);
    desk
}

#[tokio::test]
async fn a_file_comes_in_is_listed_and_is_found_by_whoever_has_a_seat() {
    let desk = limited(1_000_000);
    let id = appointment_id(1);
    desk.at(0);
    let content: Vec<u8> = [PDF, &vec![b'x'; 700_000]].concat();
    let file = desk.upload(customer(1), "../../befund\u{202e}.pdf", "application/pdf", &content).await.unwrap();
    assert_eq!((file.name.as_str(), file.content_type.as_str()), ("befund.pdf", "application/pdf"));
    assert_eq!((file.size, file.uploader_name.as_str(), file.created_at), (content.len() as u64, "Person 1", START));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
    assert_eq!(file.sha256, crate::store::hex(digest.as_ref()));
    assert_eq!(desk.on_disk(), [format!("{id}/{}", file.id)], "ids of ours are all that a path has");
    let guest = desk.guest(1, "observer");
    for actor in [customer(1), expert(8), guest] {
        assert_eq!(desk.scheduler.files(actor, id).await.unwrap(), std::slice::from_ref(&file));
        let stored = desk.scheduler.file(actor, id, file.id).await.unwrap();
        assert_eq!(std::fs::read(&stored.path).unwrap(), content);
    }
    let told: i64 = desk.value("SELECT count(*) FROM events WHERE json_extract(data, '$.content') = 'file'");
    assert_eq!(told, 2);
    use std::os::unix::fs::PermissionsExt;
    let path = desk.scheduler.file(customer(1), id, file.id).await.unwrap().path;
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o077, 0, "this server's user alone");
}

#[tokio::test]
async fn strangers_find_nothing_and_administrators_see_that_it_is_there() {
    let desk = limited(1_000);
    let id = appointment_id(1);
    let file = desk.upload(expert(8), "a.pdf", "application/pdf", PDF).await.unwrap();
    for stranger in [customer(2), expert(9), Actor::Anonymous] {
        assert!(matches!(desk.scheduler.files(stranger, id).await, Err(Error::NotFound)));
        assert!(matches!(desk.scheduler.file(stranger, id, file.id).await, Err(Error::NotFound)));
        assert!(matches!(desk.scheduler.delete_file(stranger, id, file.id).await, Err(Error::NotFound)));
        let begun = desk.scheduler.begin_upload(stranger, id, "a", "application/pdf").await;
        assert!(matches!(begun, Err(Error::NotFound)), "{begun:?}");
    }
    assert_eq!(desk.scheduler.files(admin(), id).await.unwrap().len(), 1);
    assert!(matches!(desk.scheduler.file(admin(), id, file.id).await, Err(Error::NotYours)));
    // A file of one appointment is none of another.
    let other = desk.approved_at(2, 1, 9, UnixTime(START.0 + 120 * MINUTE), Lobby::Off);
    assert!(matches!(desk.scheduler.file(customer(1), other, file.id).await, Err(Error::NotFound)));
    desk.sql("UPDATE seats SET removed_at = 1 WHERE role = 'client'");
    let removed = desk.scheduler.file(customer(1), id, file.id).await;
    assert!(matches!(removed, Err(Error::Denied(Denied::Removed))));
}

#[tokio::test]
async fn who_put_it_there_and_the_expert_delete_a_file_and_its_bytes_go() {
    let desk = limited(1_000);
    let id = appointment_id(1);
    let experts = desk.upload(expert(8), "a.pdf", "application/pdf", PDF).await.unwrap();
    let customers = desk.upload(customer(1), "b.pdf", "application/pdf", PDF).await.unwrap();
    assert!(matches!(desk.scheduler.delete_file(customer(1), id, experts.id).await, Err(Error::NotYours)));
    assert!(matches!(desk.scheduler.delete_file(admin(), id, experts.id).await, Err(Error::NotYours)));
    desk.scheduler.delete_file(expert(8), id, customers.id).await.unwrap();
    assert_eq!(desk.on_disk(), [format!("{id}/{}", experts.id)]);
    assert!(matches!(desk.scheduler.file(customer(1), id, customers.id).await, Err(Error::NotFound)));
    assert!(matches!(desk.scheduler.delete_file(expert(8), id, customers.id).await, Err(Error::NotFound)));
    desk.scheduler.delete_file(expert(8), id, experts.id).await.unwrap();
    assert!(desk.on_disk().is_empty());
    assert!(!desk.scheduler.store().folder().files().join(id.to_string()).exists());
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let desk = limited(50_000);
    let id = appointment_id(1);
    let refusal = |result: Result<File, Error>| match result {
        Err(Error::Upload(refusal)) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    };
    let big = [PDF, &vec![b'x'; 50_000]].concat();
    let large = refusal(desk.upload(customer(1), "a.pdf", "application/pdf", &big).await);
    assert_eq!(large, UploadError::TooLarge { limit: 50_000 });
    desk.upload(customer(1), "a.pdf", "application/pdf", &big[..50_000]).await.unwrap();
    assert_eq!(refusal(desk.upload(customer(1), "a.txt", "text/plain", b"").await), UploadError::Empty);
    let program = refusal(desk.upload(customer(1), "a.exe", "application/x-msdownload", b"MZ\x90\0").await);
    assert_eq!(program, UploadError::TypeNotAllowed("application/x-msdownload".into()));
    let disguised = refusal(desk.upload(customer(1), "a.pdf", "application/pdf", b"MZ\x90\0 program").await);
    assert!(matches!(disguised, UploadError::TypeMismatch { .. }));
    // One that is allowed by no list, though the request says nothing of it.
    let silent = refusal(desk.upload(customer(1), "a", "", b"GIF89a picture").await);
    assert_eq!(silent, UploadError::TypeNotAllowed("image/gif".into()));
    let text = desk.upload(customer(1), "run.bat", "", b"del *.*").await.unwrap();
    assert_eq!((text.name.as_str(), text.content_type.as_str()), ("run.bat.txt", "text/plain"));
    // The one that is given up in the middle.
    let mut upload = desk.scheduler.begin_upload(customer(1), id, "a.pdf", "application/pdf").await.unwrap();
    upload.write(PDF).await.unwrap();
    assert!(desk.on_disk().iter().any(|path| path.ends_with(".part")));
    drop(upload);
    assert_eq!(desk.on_disk().len(), 2, "{:?}", desk.on_disk());
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM files"), 2);
}

#[tokio::test]
async fn a_wrong_type_is_told_long_before_the_end() {
    let desk = limited(100_000_000);
    let mut upload =
        desk.scheduler.begin_upload(customer(1), appointment_id(1), "a.pdf", "application/pdf").await.unwrap();
    let piece = vec![b'x'; 100_000];
    let mut sent = 0;
    let refused = loop {
        if let Err(refused) = upload.write(&piece).await {
            break refused;
        }
        sent += piece.len();
        assert!(sent < 1_000_000, "it is still taken");
    };
    assert!(matches!(refused, Error::Upload(UploadError::TypeMismatch { .. })), "{refused:?}");
    assert!(upload.write(&piece).await.is_ok() || desk.on_disk().is_empty());
    assert!(upload.finish().await.is_err());
    assert!(desk.on_disk().is_empty());
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_leaves_nothing_behind() {
    let desk = limited(100_000_000);
    let begin = || desk.scheduler.begin_upload(customer(1), appointment_id(1), "a.pdf", "application/pdf");
    let mut small = begin().await.unwrap();
    small.fill_the_disk();
    small.write(PDF).await.unwrap();
    let full = small.finish().await.unwrap_err();
    assert!(matches!(full, Error::Store(StoreError::Full)), "{full:?}");
    assert_eq!(full.code(), "unavailable");
    let mut large = begin().await.unwrap();
    large.fill_the_disk();
    let full = large.write(&[PDF, &vec![0; 1_000_000]].concat()).await.unwrap_err();
    assert!(matches!(full, Error::Store(StoreError::Full)), "{full:?}");
    assert!(desk.on_disk().is_empty(), "{:?}", desk.on_disk());
    assert_eq!(desk.value::<i64>("SELECT count(*) FROM files"), 0);
}

#[tokio::test]
async fn an_appointment_takes_so_many_files_and_so_many_bytes() {
    let desk = limited(1_000);
    let id = appointment_id(1);
    let no_room = |result: Result<_, Error>| matches!(result, Err(Error::Upload(UploadError::NoRoom { .. })));
    let seat = desk.seat(1, 8);
    desk.sql(&format!(
        "INSERT INTO files (id, appointment_id, seat_id, name, content_type, size, sha256, created_at)
         VALUES ('big', '{id}', '{seat}', 'n', 't', {}, 'x', 0)",
        MAX_FILES_SIZE - PDF.len() as u64
    ));
    desk.upload(customer(1), "a.pdf", "application/pdf", PDF).await.unwrap();
    assert!(no_room(desk.upload(customer(1), "a.txt", "text/plain", b"x").await.map(drop)));
    desk.sql("DELETE FROM files WHERE id = 'big'");
    for number in 1..MAX_FILES {
        desk.sql(&format!(
            "INSERT INTO files (id, appointment_id, seat_id, name, content_type, size, sha256, created_at)
             VALUES ('{number}', '{id}', '{seat}', 'n', 't', 1, 'x', 0)"
        ));
    }
    let begun = desk.scheduler.begin_upload(customer(1), id, "a", "text/plain").await;
    assert!(no_room(begun.map(drop)));
    assert_eq!(desk.on_disk().len(), 1);
}

#[tokio::test]
async fn what_happens_while_bytes_come_in_counts() {
    let desk = limited(1_000);
    let id = appointment_id(1);
    let mut upload = desk.scheduler.begin_upload(customer(1), id, "a.pdf", "application/pdf").await.unwrap();
    upload.write(PDF).await.unwrap();
    desk.sql("UPDATE appointments SET status = 'cancelled'");
    let late = upload.finish().await;
    assert!(matches!(late, Err(Error::Conflict(Conflict::WrongStatus(_)))), "{late:?}");
    assert!(desk.on_disk().is_empty());
    let begun = desk.scheduler.begin_upload(customer(1), id, "a.pdf", "application/pdf").await;
    assert!(matches!(begun, Err(Error::Conflict(Conflict::WrongStatus(_)))));
}

#[tokio::test]
async fn so_many_uploads_at_a_time_and_no_more() {
    let desk = limited(1_000);
    let begin = || desk.scheduler.begin_upload(customer(1), appointment_id(1), "a.pdf", "application/pdf");
    let mut under_way = Vec::new();
    let refused = loop {
        match begin().await {
            Ok(upload) => under_way.push(upload),
            Err(error) => break error,
        }
        assert!(under_way.len() < 1_000);
    };
    assert!(matches!(refused, Error::Store(StoreError::Busy)), "{refused:?}");
    under_way.pop();
    begin().await.unwrap();
}

#[tokio::test]
async fn what_a_crash_leaves_is_swept_after_a_day_what_was_deleted_at_once_and_nothing_else() {
    let desk = limited(1_000);
    let id = appointment_id(1);
    let kept = desk.upload(customer(1), "a.pdf", "application/pdf", PDF).await.unwrap();
    let lost = desk.upload(customer(1), "b.pdf", "application/pdf", PDF).await.unwrap();
    // A rename whose row was never written, an upload that broke off, a row whose bytes could not be removed.
    desk.sql(&format!("DELETE FROM files WHERE id = '{}'", lost.id));
    let unmoved = desk.upload(customer(1), "c.pdf", "application/pdf", PDF).await.unwrap();
    desk.sql(&format!("UPDATE files SET deleted_at = 1 WHERE id = '{}'", unmoved.id));
    let part = desk.scheduler.begin_upload(customer(1), id, "d.pdf", "application/pdf").await.unwrap();
    std::mem::forget(part);
    std::fs::write(desk.scheduler.store().folder().files().join("notes.txt"), "an operator's").unwrap();
    assert_eq!(desk.on_disk().len(), 4);
    let begun = desk.scheduler.now();
    let day = Duration::from_secs(24 * 3600);
    let before = begun.plus(day).minus(Duration::from_secs(1));
    // Whose row says that it was deleted is no upload that still goes on.
    assert_eq!(desk.scheduler.sweep_files(before).await.unwrap(), 1);
    assert_eq!(desk.on_disk().len(), 3);
    assert_eq!(desk.scheduler.sweep_files(begun.plus(day)).await.unwrap(), 2);
    assert_eq!(desk.on_disk(), [format!("{id}/{}", kept.id)]);
}

#[tokio::test]
async fn a_persons_files_are_exported_and_erased_with_their_bytes() {
    let desk = limited(1_000);
    let id = appointment_id(1);
    let own = desk.upload(customer(1), "mine.pdf", "application/pdf", PDF).await.unwrap();
    let experts = desk.upload(expert(8), "theirs.pdf", "application/pdf", PDF).await.unwrap();
    let exported = desk.scheduler.export_of(customer(1), person(1)).await.unwrap();
    assert_eq!(exported.iter().map(|it| &it.file).collect::<Vec<_>>(), [&own]);
    assert_eq!(std::fs::read(&exported[0].path).unwrap(), PDF);
    for stranger in [customer(2), expert(8), Actor::Anonymous] {
        assert!(matches!(desk.scheduler.export_of(stranger, person(1)).await, Err(Error::NotFound)));
        assert!(matches!(desk.scheduler.scrub(stranger, person(1)).await, Err(Error::NotFound)));
    }
    assert_eq!(desk.scheduler.scrub(admin(), person(1)).await.unwrap(), 1);
    assert_eq!(desk.on_disk(), [format!("{id}/{}", experts.id)]);
    let names: String = desk.value("SELECT group_concat(name) FROM (SELECT name FROM files ORDER BY name)");
    assert_eq!(names, "erased,theirs.pdf");
    assert!(desk.scheduler.export_of(admin(), person(1)).await.unwrap().is_empty());
}
