//! What the live kernel remembers of what it read: it is what would be read, and any change ends it.

use weir_plan::Action;
use weir_plan::kernel::Interface;
use weir_runtime::live::Live;
use weir_runtime::swap::Kernel;

use crate::namespace::{Namespace, run, tc};
use crate::{DEVICE, add_class, all_done, id, of, seen, shape, tree};

/// What is remembered is what would be read, and anybody's change ends it; what is looked at after acts shows them,
/// and what they did not do.
#[test]
fn what_is_remembered_is_what_is_there() {
    let Some(space) = Namespace::new("what_is_remembered_is_what_is_there") else {
        return;
    };
    space.cable(DEVICE, "peer0", 4);
    let devices = [DEVICE.to_owned()];
    let mut live = space.live();
    act_on_maps(&mut live);
    tree(&mut live);
    let recall = |live: &mut Live| {
        let mut all = live.recall(&devices).unwrap_or_else(|e| panic!("{e}"));
        all.interfaces.remove(0)
    };
    let plain = |mut interface: Interface| {
        for class in &mut interface.classes {
            class.stats = Default::default();
        }
        for qdisc in &mut interface.qdiscs {
            qdisc.stats = Default::default();
        }
        interface
    };
    let read = seen(&mut live);
    assert_eq!(plain(recall(&mut live)), plain(read.clone()));
    // Others change a class, a qdisc, the interface: all of it is seen.
    tc("class change dev down0 classid 1:5 htb rate 9kbit ceil 33333kbit quantum 3028");
    assert_eq!(of(&recall(&mut live), id(1, 5)).rate_kbps, 9);
    tc("class del dev down0 classid 1:5");
    assert!(recall(&mut live).classes.iter().all(|c| c.id != id(1, 5)));
    run("ip", ["link", "set", DEVICE, "down"]).expect("down");
    assert!(!recall(&mut live).up);
    run("ip", ["link", "set", DEVICE, "up"]).expect("up");
    assert!(recall(&mut live).up);

    // After acts: done, and not done.
    let acts = [
        add_class(id(1, 7), Some(id(1, 3)), shape(10, 10, 1514)),
        add_class(id(3, 8), Some(id(3, 3)), shape(10, 10, 1514)),
    ];
    all_done(live.apply(&acts, None));
    let look = |live: &mut Live, acts: &[Action]| {
        let seen = live.look(&devices, acts).unwrap_or_else(|e| panic!("{e}"));
        weir_plan::unmet(&seen, acts)
    };
    assert_eq!(look(&mut live, &acts), []);
    let others = [add_class(id(3, 9), Some(id(3, 3)), shape(10, 10, 1514))];
    assert_eq!(look(&mut live, &others).len(), 1);
    assert!(of(&recall(&mut live), id(3, 8)).rate_kbps == 10);
    // And the whole again, once it is read.
    let read = seen(&mut live);
    assert_eq!(plain(recall(&mut live)), plain(read));
}

/// Qdiscs count as ours only where our maps are.
fn act_on_maps(live: &mut Live) {
    let vlans = Action::SetVlans { vlans: [0, 0] };
    all_done(live.apply(&[vlans], None));
}
