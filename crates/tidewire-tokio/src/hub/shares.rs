//! What each shard may hold of what the hub may.

use std::num::NonZeroUsize;

use tidewire_hub::Config;

/// Topics, subscriptions and idempotency keys of a shard, at least.
const MIN_SHARE: usize = 1024;

/// Topics that are full in a shard, at least.
const MIN_FULL_TOPICS: usize = 16;

/// How many shards there are, at most `shards`, and what each may hold.
pub(super) fn of(config: &Config, shards: NonZeroUsize) -> (usize, Config) {
    let full_topics = config.max_bytes_per_topic.saturating_mul(MIN_FULL_TOPICS).max(1);
    let shards = shards
        .get()
        .min(config.max_topics / MIN_SHARE)
        .min(config.max_subscriptions / MIN_SHARE)
        .min(if config.max_idempotency_keys == 0 {
            usize::MAX
        } else {
            config.max_idempotency_keys / MIN_SHARE
        })
        .min(config.max_bytes / full_topics)
        .min(match config.max_inboxes_bytes {
            0 => usize::MAX,
            max_inboxes_bytes => max_inboxes_bytes / config.max_inbox_bytes.max(1),
        })
        .max(1);
    let mut share = config.clone();
    share.max_topics = config.max_topics / shards;
    share.max_subscriptions = config.max_subscriptions / shards;
    share.max_bytes = config.max_bytes / shards;
    share.max_inboxes_bytes = config.max_inboxes_bytes / shards;
    share.max_idempotency_keys = config.max_idempotency_keys / shards;
    (shards, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(shards: usize, change: impl FnOnce(&mut Config)) -> (usize, Config) {
        let mut config = Config::default();
        change(&mut config);
        of(&config, NonZeroUsize::new(shards).unwrap())
    }

    #[test]
    fn the_whole_is_shared_evenly_and_never_exceeded() {
        let whole = Config::default();
        for wanted in [1, 2, 3, 8, 16] {
            let (count, share) = shards(wanted, |_| {});
            assert_eq!(count, wanted);
            assert!(share.max_bytes * count <= whole.max_bytes, "{wanted}");
            assert!(share.max_inboxes_bytes * count <= whole.max_inboxes_bytes, "{wanted}");
            assert!(share.max_topics * count <= whole.max_topics, "{wanted}");
            assert!(share.max_subscriptions * count <= whole.max_subscriptions, "{wanted}");
            assert!(share.max_idempotency_keys * count <= whole.max_idempotency_keys, "{wanted}");
        }
    }

    #[test]
    fn a_small_limit_is_shared_by_fewer() {
        assert_eq!(shards(8, |config| config.max_topics = 2047).0, 1);
        assert_eq!(shards(8, |config| config.max_topics = 2048).0, 2);
        assert_eq!(shards(8, |config| config.max_subscriptions = 4096).0, 4);
        assert_eq!(shards(8, |config| config.max_idempotency_keys = 3072).0, 3);
        assert_eq!(shards(8, |config| config.max_idempotency_keys = 0).0, 8, "there is nothing to share");
        assert_eq!(shards(8, |config| config.max_bytes = 32 * config.max_bytes_per_topic).0, 2);
        assert_eq!(shards(8, |config| config.max_inboxes_bytes = 3 * config.max_inbox_bytes).0, 3);
        assert_eq!(shards(8, |config| config.max_inboxes_bytes = 0).0, 8, "nobody is sent anything");
        let (count, share) = shards(8, |config| (config.max_topics, config.max_bytes) = (0, 0));
        assert_eq!((count, share.max_topics, share.max_bytes), (1, 0, 0));
    }
}
