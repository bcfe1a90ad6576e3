//! What stays in a place, and what is deleted: old snapshots, and what stands in no snapshot that stays.

use std::collections::BTreeSet;

use super::kept::hash_of;
use super::manifest::{MOST_OF_MANIFEST, Manifest, object};
use super::place::{Listed, Place};
use super::trouble::Trouble;

/// So many of the newest snapshots stay, and whatever is younger than this, in seconds: a replica may be
/// fetching it.
const NEWEST: usize = 5;
const YOUNG: u64 = 3600;
/// What stands in no snapshot stays so long: it may be that of one that is being made.
const ORPHANED: u64 = 24 * 3600;
/// An object that is there counts as being there for so long, unless a snapshot that stays has it. It is
/// less than the above: what is not written again is not deleted meanwhile.
const RELIABLE: u64 = 12 * 3600;

/// What is in a place.
pub(super) struct Stock {
    /// What time it is there.
    time: u64,
    /// The objects of files.
    objects: Vec<Listed>,
    /// Manifests that stay, and those that do not, by the names of their snapshots.
    staying: Vec<Manifest>,
    leaving: Vec<String>,
    /// Whether all that stay could be read: else nobody knows what is in them.
    is_known: bool,
}

impl Stock {
    /// Looks at what is there, as the clock there shows this time.
    pub(super) async fn take(
        place: &Place,
        time: u64,
        current: Option<&str>,
    ) -> Result<Stock, Trouble> {
        let objects = place.list("files").await?;
        let mut manifests = place.list("snapshots").await?;
        // Names sort by time.
        manifests.sort_by(|a, b| b.name.cmp(&a.name));
        let mut stock =
            Stock { time, objects, staying: Vec::new(), leaving: Vec::new(), is_known: true };
        for (at, listed) in manifests.iter().enumerate() {
            let Some(id) = listed.name.strip_suffix(".json") else { continue };
            let is_young = listed.written + YOUNG > time;
            if at >= NEWEST && !is_young && current != Some(id) {
                stock.leaving.push(id.to_owned());
                continue;
            }
            let name = Manifest::name(id);
            let text = place.get(&name, MOST_OF_MANIFEST).await?.unwrap_or_default();
            match Manifest::read_any(&name, &text) {
                Ok(manifest) => stock.staying.push(manifest),
                Err(trouble) => {
                    tracing::debug!("no file is deleted, because {trouble}");
                    stock.is_known = false;
                }
            }
        }
        Ok(stock)
    }

    /// The objects that need not be written again, with their sizes.
    pub(super) fn present(&self) -> BTreeSet<(&str, u64)> {
        let kept: BTreeSet<&str> =
            self.staying.iter().flat_map(Manifest::objects).map(|(hash, _)| hash).collect();
        let stays =
            |it: &&Listed| kept.contains(it.name.as_str()) || it.written + RELIABLE > self.time;
        self.objects.iter().filter(stays).map(|it| (it.name.as_str(), it.size)).collect()
    }

    /// Whether all of a snapshot is there.
    pub(super) fn holds(&self, manifest: &Manifest) -> bool {
        let there: BTreeSet<(&str, u64)> =
            self.objects.iter().map(|it| (it.name.as_str(), it.size)).collect();
        manifest.objects().all(|it| there.contains(&it))
    }

    /// Takes objects for missing that are not what their names say, where looking at them costs no
    /// more than reading a file of this machine.
    pub(super) fn distrust(&mut self, place: &Place, needed: &BTreeSet<&str>) {
        let Some(folder) = place.folder() else { return };
        self.objects.retain(|listed| {
            if !needed.contains(listed.name.as_str()) {
                return true;
            }
            let path = folder.join("files").join(&listed.name);
            let is_whole = hash_of(&path).is_ok_and(|hash| hash == listed.name);
            if !is_whole {
                tracing::warn!("{} is damaged: it is written again", path.display());
            }
            is_whole
        });
    }

    /// Deletes what does not stay beside a new snapshot, as long as nobody else may publish; how many
    /// objects that were.
    pub(super) async fn clean(
        &self,
        place: &Place,
        new: &Manifest,
        is_held: &dyn Fn() -> bool,
    ) -> Result<usize, Trouble> {
        let mut deleted = 0;
        // One fewer stays, as there is one more.
        let oldest = self.staying.iter().skip(NEWEST - 1);
        let oldest = oldest.filter(|it| it.published + YOUNG < new.published).map(|it| &it.id);
        let leaving: BTreeSet<&String> = self.leaving.iter().chain(oldest).collect();
        for id in &leaving {
            if !is_held() {
                return Ok(deleted);
            }
            place.delete(&Manifest::name(id)).await?;
            deleted += 1;
        }
        if !self.is_known {
            return Ok(deleted);
        }
        let staying = self.staying.iter().filter(|it| !leaving.contains(&it.id)).chain([new]);
        let kept: BTreeSet<&str> =
            staying.flat_map(Manifest::objects).map(|(hash, _)| hash).collect();
        for listed in &self.objects {
            if kept.contains(listed.name.as_str()) || listed.written + ORPHANED >= self.time {
                continue;
            }
            let name = object(&listed.name);
            // Somebody whose lease ended may have written it again since the list was made.
            if place.written(&name).await? != Some(listed.written) {
                continue;
            }
            if !is_held() {
                return Ok(deleted);
            }
            place.delete(&name).await?;
            deleted += 1;
        }
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{Contents, Described, File, Pointer, hash};
    use super::super::now;
    use super::*;
    use crate::index::Stamp;

    const DAY: u64 = 24 * 3600;

    /// A snapshot of a file of its own and of one that all have.
    async fn publish(place: &Place, at: u64, after: Option<&Pointer>) -> (Manifest, Pointer) {
        let file = |name: &str, text: String| File {
            name: name.into(),
            size: text.len() as u64,
            blake3: hash(text.as_bytes()),
            pieces: Vec::new(),
        };
        let texts = [("meta.json", format!("of {at}")), ("a.store", "of all".into())];
        let contents = Contents {
            content: hash(b""),
            stamp: Stamp::default(),
            collections: vec![Described { name: "docs".into(), ..Described::default() }],
            files: texts.iter().map(|(name, text)| file(name, text.clone())).collect(),
            vectors: None,
        };
        for (_, text) in &texts {
            place.put(&object(&hash(text.as_bytes())), text.clone().into_bytes()).await.unwrap();
        }
        let manifest = Manifest::new(contents, after, at, at);
        let text = serde_json::to_vec(&manifest).unwrap();
        place.put(&Manifest::name(&manifest.id), text.clone()).await.unwrap();
        let pointer = Pointer::to(&manifest, &text);
        (manifest, pointer)
    }

    /// The numbers of manifests and of files in a place.
    async fn left(place: &Place) -> (usize, usize) {
        (place.list("snapshots").await.unwrap().len(), place.list("files").await.unwrap().len())
    }

    #[tokio::test]
    async fn the_newest_stay_and_nothing_that_may_be_needed_goes() {
        let place = Place::in_memory();
        let (start, mut pointer) = (now(), None);
        for at in 0..8 {
            pointer = Some(publish(&place, start + at, pointer.as_ref()).await.1);
        }
        let (new, _) = publish(&place, start + 3 * DAY, pointer.as_ref()).await;
        let all = left(&place).await;
        assert_eq!(all, (9, 10));
        // While they are young a replica may be fetching any of them.
        let current = pointer.as_ref().map(|pointer| pointer.id.as_str());
        let stock = Stock::take(&place, start + 60, current).await.unwrap();
        assert!(stock.holds(&new));
        // All objects are what they were minutes ago.
        assert_eq!(stock.present().len(), 10);
        // The new snapshot was not there yet when the stock was taken.
        place.delete(&Manifest::name(&new.id)).await.unwrap();
        let stock = Stock::take(&place, start + 3 * DAY, current).await.unwrap();
        // Those that the newest five need not be written again, all others may go at any moment.
        assert_eq!(stock.present().len(), 6);
        // Who may not publish any more deletes nothing.
        assert_eq!(stock.clean(&place, &new, &|| false).await.unwrap(), 0);
        assert_eq!(stock.clean(&place, &new, &|| true).await.unwrap(), 4 + 4);
        // Five with the new one, which is not listed here, and a file of each and that of all.
        assert_eq!(left(&place).await, (4, 6));
    }

    #[tokio::test]
    async fn where_a_manifest_cannot_be_read_no_file_goes() {
        let place = Place::in_memory();
        let (manifest, pointer) = publish(&place, now(), None).await;
        place.put("snapshots/20990101T000000Z-00000000.json", b"{".to_vec()).await.unwrap();
        place.put(&object(&hash(b"orphan")), b"orphan".to_vec()).await.unwrap();
        let stock = Stock::take(&place, now() + 3 * DAY, Some(&pointer.id)).await.unwrap();
        assert_eq!(stock.clean(&place, &manifest, &|| true).await.unwrap(), 0);
        place.delete("snapshots/20990101T000000Z-00000000.json").await.unwrap();
        let mut stock = Stock::take(&place, now() + 3 * DAY, Some(&pointer.id)).await.unwrap();
        // One that was written again since the list was made is somebody's.
        let orphan = hash(b"orphan");
        let listed = stock.objects.iter_mut().find(|it| it.name == orphan).unwrap();
        listed.written -= 1;
        assert_eq!(stock.clean(&place, &manifest, &|| true).await.unwrap(), 0);
        let stock = Stock::take(&place, now() + 3 * DAY, Some(&pointer.id)).await.unwrap();
        assert_eq!(stock.clean(&place, &manifest, &|| true).await.unwrap(), 1);
        assert_eq!(left(&place).await, (1, 2));
    }

    #[tokio::test]
    async fn a_snapshot_of_which_a_file_is_cut_off_is_not_there() {
        let place = Place::in_memory();
        let (manifest, pointer) = publish(&place, now(), None).await;
        let stock = Stock::take(&place, now(), Some(&pointer.id)).await.unwrap();
        assert!(stock.holds(&manifest));
        place.put(&object(&hash(b"of all")), b"of".to_vec()).await.unwrap();
        let stock = Stock::take(&place, now(), Some(&pointer.id)).await.unwrap();
        assert!(!stock.holds(&manifest));
    }
}
