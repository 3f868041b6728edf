//! Which faults strike next.

use std::collections::VecDeque;

use super::fault::{Fault, Point};

/// A fault and how often it strikes.
#[derive(Clone, Debug)]
struct Rule {
    fault: Fault,
    /// Of requests whose path starts so; any path if empty.
    path: String,
    left: u64,
}

/// The faults still to come, per point: a queue, and below it one that stands.
#[derive(Debug, Default)]
pub(crate) struct Script {
    queue: VecDeque<(Point, Rule)>,
    standing: Vec<(Point, Rule)>,
}

impl Script {
    pub(crate) fn push(&mut self, point: Point, path: &str, times: u64, fault: Fault) {
        if times > 0 {
            let rule = Rule {
                fault,
                path: path.to_owned(),
                left: times,
            };
            self.queue.push_back((point, rule));
        }
    }

    pub(crate) fn stand(&mut self, point: Point, path: &str, fault: Fault) {
        self.standing
            .retain(|(other, rule)| *other != point || rule.path != path);
        let rule = Rule {
            fault,
            path: path.to_owned(),
            left: 0,
        };
        self.standing.push((point, rule));
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.standing.clear();
    }

    /// The fault for a request at these points: the first queued that fits, else one that stands.
    pub(crate) fn take(&mut self, points: &[Point], path: &str) -> Option<Fault> {
        let fits = |point: Point, rule: &Rule| points.contains(&point) && path.starts_with(&rule.path);
        if let Some(at) = self.queue.iter().position(|(point, rule)| fits(*point, rule)) {
            let rule = &mut self.queue[at].1;
            rule.left -= 1;
            let fault = rule.fault.clone();
            if rule.left == 0 {
                self.queue.remove(at);
            }
            return Some(fault);
        }
        self.standing
            .iter()
            .find(|(point, rule)| fits(*point, rule))
            .map(|(_, rule)| rule.fault.clone())
    }
}
