//! Pass 7, clamp: a circuit's maximum is at most the capacity of what it hangs on, its minimum at most its
//! maximum.

use rayon::prelude::*;

use crate::topology::{Draft, Spot};
use crate::units::{Kbps, Pair};

pub(crate) fn clamp(draft: &mut Draft, generated: Pair<Kbps>) {
    let Draft {
        spot,
        max,
        min,
        cap,
        ..
    } = draft;
    max.par_iter_mut()
        .zip(min)
        .zip(spot)
        .for_each(|((max, min), spot)| {
            let limit = match spot {
                Some(Spot::Node(node)) => cap[node.ix()],
                Some(Spot::Bucket(_)) => generated,
                None => return,
            };
            *max = (*max).min(limit);
            *min = (*min).min(*max);
        });
}
