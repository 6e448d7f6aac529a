//! Groups of users. A user is known by a number, from which everything else follows.

/// Every `step`th user from `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Users {
    /// The number of the first user.
    pub(crate) first: u32,
    /// The distance between two users of the group.
    pub(crate) step: u32,
    /// The number of users in the group.
    pub(crate) count: u32,
}

impl Users {
    /// The number of the user at this position of the group.
    pub(crate) const fn at(self, index: u32) -> u32 {
        self.first + index * self.step
    }

    /// The numbers of all users of the group.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u32> {
        (0..self.count).map(move |index| self.at(index))
    }

    /// At most `count` users that are spread evenly over the group.
    pub(crate) fn spread(self, count: u32) -> Self {
        let count = count.clamp(1, self.count.max(1));
        Self {
            first: self.first,
            step: self.step * (self.count / count).max(1),
            count,
        }
    }

    /// The users from position `start` up to position `end`, or fewer if the group ends before.
    pub(crate) fn slice(self, start: u32, end: u32) -> Self {
        let start = start.min(self.count);
        Self {
            first: self.at(start),
            step: self.step,
            count: end.min(self.count) - start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_spread_evenly_and_can_be_divided() {
        let users = Users {
            first: 1,
            step: 100,
            count: 4,
        };
        let numbers = |users: Users| users.numbers().collect::<Vec<_>>();
        assert_eq!(numbers(users), [1, 101, 201, 301]);
        assert_eq!(numbers(users.slice(0, 2)), [1, 101]);
        assert_eq!(numbers(users.slice(2, 9)), [201, 301]);
        assert_eq!(numbers(users.spread(2)), [1, 201]);
        assert_eq!(numbers(users.spread(3)), [1, 101, 201]);
        assert_eq!(numbers(users.spread(9)), [1, 101, 201, 301]);
        assert!(numbers(users.slice(7, 9)).is_empty());
    }
}
