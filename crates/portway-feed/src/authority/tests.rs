//! Authorities over the years.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::{Authorities, AuthorityError, Renewal};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Entries = BTreeMap<String, Vec<u8>>;

fn names() -> Vec<String> {
    vec!["portway-feed.portway.svc".to_owned()]
}

#[test]
fn a_successor_is_known_for_a_month_before_it_signs() {
    let start = SystemTime::now();
    let day = |n: u32| start + n * DAY;
    let mut authorities = Authorities::generate(start).unwrap();
    let first = authorities.all[0].certificate.clone();
    for n in 0..305 {
        assert_eq!(authorities.renew(day(n)).unwrap(), Renewal::Kept, "day {n}");
    }
    assert_eq!(authorities.renew(day(305)).unwrap(), Renewal::Changed);
    assert_eq!(authorities.renew(day(305)).unwrap(), Renewal::Kept);
    let bundle = authorities.bundle_pem();
    assert!(bundle.contains(&first) && bundle.len() > 3 * first.len() / 2);
    for (n, signs_first) in [(306, true), (334, true), (336, false), (364, false)] {
        assert_eq!(authorities.renew(day(n)).unwrap(), Renewal::Kept, "day {n}");
        let signer = authorities.signer(day(n)).unwrap();
        assert_eq!(signer.certificate == first, signs_first, "day {n}");
        let leaf = authorities.leaf(&names(), day(n)).unwrap();
        assert_eq!(leaf.expires(), day(n + 1));
    }
    assert_eq!(authorities.renew(day(366)).unwrap(), Renewal::Changed);
    assert!(
        !authorities.bundle_pem().contains(&first),
        "its year is over"
    );
    assert_eq!(authorities.all.len(), 1);
}

/// The whole of two lives: at every hour what signs has been in the bundle for a month, but for
/// the very first, which had nobody before it.
#[test]
fn what_signs_was_believed_long_before() {
    let start = SystemTime::now();
    let mut authorities = Authorities::generate(start).unwrap();
    let mut believed_since: BTreeMap<String, u32> = BTreeMap::new();
    for n in 0..800 {
        let now = start + n * DAY;
        authorities.renew(now).unwrap();
        for it in &authorities.all {
            believed_since.entry(it.certificate.clone()).or_insert(n);
        }
        let signer = authorities.signer(now).unwrap();
        let since = believed_since[&signer.certificate];
        assert!(
            since == 0 || n >= since + 30,
            "day {n}: believed since day {since}"
        );
        assert!(
            signer.expires >= now + DAY,
            "day {n}: a leaf lives its whole day"
        );
        assert!(authorities.all.len() <= 2);
    }
    assert!(believed_since.len() >= 3);
}

#[test]
fn a_secret_holds_all_of_it() {
    let start = SystemTime::now();
    let mut authorities = Authorities::generate(start).unwrap();
    for n in [0, 310] {
        authorities.renew(start + n * DAY).unwrap();
        let secret = authorities.to_secret();
        let back = Authorities::from_secret(&secret).unwrap();
        assert_eq!(back.bundle_pem(), authorities.bundle_pem());
        assert_eq!(back.to_secret(), secret);
        assert_eq!(secret.len(), 2 * authorities.all.len());
    }
}

#[test]
fn a_broken_secret_is_refused_by_the_name_of_its_entry() {
    let secret = Authorities::generate(SystemTime::now())
        .unwrap()
        .to_secret();
    let other = Authorities::generate(SystemTime::now())
        .unwrap()
        .to_secret();
    let check = |edit: &dyn Fn(&mut Entries), want: &str| {
        let mut broken = secret.clone();
        edit(&mut broken);
        match Authorities::from_secret(&broken) {
            Err(AuthorityError::Secret { name }) => assert_eq!(name, want),
            other => panic!("{other:?}"),
        }
    };
    check(&BTreeMap::clear, "ca.crt");
    check(&|it| drop(it.remove("ca.key")), "ca.key");
    check(
        &|it| drop(it.insert("ca.crt".into(), b"nonsense".into())),
        "ca.crt",
    );
    check(
        &|it| drop(it.insert("ca.key".into(), other["ca.key"].clone())),
        "ca.crt",
    );
    check(
        &|it| drop(it.insert("next.crt".into(), other["ca.crt"].clone())),
        "next.key",
    );
}

#[test]
fn keys_are_not_printed() {
    let authorities = Authorities::generate(SystemTime::now()).unwrap();
    let leaf = authorities.leaf(&names(), SystemTime::now()).unwrap();
    let text = format!("{authorities:?} {leaf:?}");
    assert!(!text.contains("PRIVATE") && text.len() < 500, "{text}");
}
