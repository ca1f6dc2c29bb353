//! Session ids that the bridge gives out: UUIDs of version 4 that say which node made them and that it was one of ours.
//!
//! Owns their layout: 16 bits of node, 90 random ones, 16 bits of tag, and the 6 that make it a UUID.
//! Never the only thing that keeps a session safe: the tag only lets forged ids be dropped cheaply.

use uuid::Builder;
use uuid::Uuid;

use crate::tickets::keys::Ring;
use crate::tickets::keys::TAG_BYTES;

const UUID_BYTES: usize = 16;
const TAG_AT: usize = UUID_BYTES - TAG_BYTES;
/// A UUID in its usual form: 32 digits and four hyphens.
const TEXT_BYTES: usize = 36;

/// A new id; `None` when the system has no randomness to give.
pub(super) fn new(ring: &Ring, deployment: &str, node: u16) -> Option<String> {
    let mut random = [0; UUID_BYTES];
    getrandom::fill(&mut random).ok()?;
    random[..2].copy_from_slice(&node.to_be_bytes());
    let mut bytes = *Builder::from_random_bytes(random).as_uuid().as_bytes();
    let tag = ring.tag(&[deployment.as_bytes(), &bytes[..TAG_AT]]);
    bytes[TAG_AT..].copy_from_slice(&tag);
    Some(Uuid::from_bytes(bytes).to_string())
}

/// Whether a node of this deployment may have made the id. A guess passes once in 65536 times.
pub(super) fn is_genuine(ring: &Ring, deployment: &str, id: &str) -> bool {
    let Some(uuid) = (id.len() == TEXT_BYTES)
        .then(|| Uuid::try_parse(id).ok())
        .flatten()
    else {
        return false;
    };
    let bytes = uuid.as_bytes();
    let tag = [bytes[TAG_AT], bytes[TAG_AT + 1]];
    ring.has_made(tag, &[deployment.as_bytes(), &bytes[..TAG_AT]])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::ticket_keys::TicketKeys;

    fn ring() -> Ring {
        Ring::new(&TicketKeys::random().unwrap())
    }

    #[test]
    fn an_id_is_a_uuid_of_version_4_that_begins_with_its_node() {
        let ring = ring();
        for (node, first) in [(0, "0000"), (7, "0007"), (u16::MAX, "ffff")] {
            let id = new(&ring, "d", node).unwrap();
            let uuid = Uuid::try_parse(&id).unwrap();
            assert_eq!(uuid.get_version_num(), 4, "{id}");
            assert_eq!(uuid.get_variant(), uuid::Variant::RFC4122, "{id}");
            assert!(id.starts_with(first) && id == id.to_lowercase(), "{id}");
            assert!(is_genuine(&ring, "d", &id), "{id}");
        }
        let ids: HashSet<String> = (0..1000).map(|_| new(&ring, "d", 0).unwrap()).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn an_id_of_another_key_deployment_or_hand_is_not_genuine() {
        let ring = ring();
        let other = self::ring();
        let ids: Vec<String> = (0..64).map(|_| new(&ring, "d", 1).unwrap()).collect();
        // Each passes by chance once in 65536 times, so nearly all must fail.
        let passing = |accepts: &dyn Fn(&str) -> bool| ids.iter().filter(|id| accepts(id)).count();
        assert!(passing(&|id| is_genuine(&other, "d", id)) < 3);
        assert!(passing(&|id| is_genuine(&ring, "e", id)) < 3);
        assert!(passing(&|id| is_genuine(&ring, "d", &id.replacen("0001", "0002", 1))) < 3);
        assert!(passing(&|_| is_genuine(&ring, "d", &Uuid::new_v4().to_string())) < 3);
        for id in [
            "",
            "x",
            "0001",
            &ids[0].replace('-', ""),
            &format!("{{{}}}", ids[0]),
        ] {
            assert!(!is_genuine(&ring, "d", id), "{id}");
        }
    }

    #[test]
    fn ids_stay_genuine_while_their_key_is_in_the_ring() {
        let mut keys = TicketKeys::random().unwrap();
        let id = new(&Ring::new(&keys), "d", 0).unwrap();
        keys.older.push(keys.newest.clone());
        keys.newest = TicketKeys::random().unwrap().newest;
        assert!(is_genuine(&Ring::new(&keys), "d", &id));
    }
}
