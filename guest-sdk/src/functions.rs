//! The numbers by which the host calls a guest's functions.
//!
//! A function that captures nothing is its type: it has one number, in `start` and later. What is named for the first
//! time while a handler runs cannot go into the tables of the instance, which is borrowed then. It waits here until the
//! host calls it for the first time, which is in the next pass or later.

use core::any::{Any, TypeId};
use core::cell::RefCell;
use std::collections::BTreeMap;

use crate::middlebox::{Decision, Outcome, Verdict};
use crate::{Error, Event};

/// A handler as the instance calls it.
pub(crate) type Handler<M> = Box<dyn Fn(&mut M, &Event) -> Result<Verdict, Error>>;
/// A filter as the instance asks it.
pub(crate) type Filter<M> = Box<dyn Fn(&M, &Event) -> Result<bool, Error>>;

std::thread_local! {
    static HANDLERS: RefCell<Numbers> = const { RefCell::new(Numbers::new()) };
    static FILTERS: RefCell<Numbers> = const { RefCell::new(Numbers::new()) };
}

/// Numbers of functions, in the order in which they were named for the first time.
#[derive(Default)]
struct Numbers {
    /// Those that capture nothing.
    by_type: BTreeMap<TypeId, u32>,
    /// The number of the next one.
    next: u32,
    /// Boxed functions that are not in the instance's table yet: those with the highest numbers.
    waiting: Vec<Box<dyn Any>>,
}

impl Numbers {
    const fn new() -> Self {
        Self { by_type: BTreeMap::new(), next: 0, waiting: Vec::new() }
    }

    /// The number of `function`: a new one if it captures something or was not named before.
    fn number<F: 'static, B: 'static>(
        &mut self,
        function: F,
        boxed: impl FnOnce(F) -> B,
    ) -> Result<u32, Error> {
        if let Ok(number) = self.known::<F>() {
            return Ok(number);
        }
        let number = self.next;
        self.next = number.checked_add(1).ok_or(Error::TooMany)?;
        self.waiting.push(Box::new(boxed(function)));
        if size_of::<F>() == 0 {
            self.by_type.insert(TypeId::of::<F>(), number);
        }
        Ok(number)
    }

    fn known<F: 'static>(&self) -> Result<u32, Error> {
        self.by_type.get(&TypeId::of::<F>()).copied().ok_or(Error::BadId)
    }

    /// Moves what waits to the end of the instance's table. A function of another middlebox than the instance's has no
    /// place there, but keeps its number.
    fn adopt<B: 'static>(&mut self, table: &mut Vec<Option<B>>) {
        table.extend(self.waiting.drain(..).map(|function| function.downcast().ok().map(|boxed| *boxed)));
    }
}

/// The number of a handler.
pub(crate) fn handler_number<M: 'static, O: Outcome, F: Fn(&mut M, &Event) -> O + 'static>(
    handler: F,
) -> Result<u32, Error> {
    HANDLERS.with_borrow_mut(|numbers| {
        numbers.number(handler, |handler| -> Handler<M> {
            Box::new(move |middlebox, event| handler(middlebox, event).verdict())
        })
    })
}

/// The number of a handler that was named before.
///
/// # Errors
///
/// [`Error::BadId`] if it was not: then it is registered nowhere.
pub(crate) fn known_handler<F: 'static>() -> Result<u32, Error> {
    HANDLERS.with_borrow(Numbers::known::<F>)
}

/// The number of a filter.
pub(crate) fn filter_number<M: 'static, D: Decision, F: Fn(&M, &Event) -> D + 'static>(
    filter: F,
) -> Result<u32, Error> {
    FILTERS.with_borrow_mut(|numbers| {
        numbers.number(filter, |filter| -> Filter<M> {
            Box::new(move |middlebox, event| filter(middlebox, event).happens())
        })
    })
}

/// Takes the handlers that wait into the instance's table.
pub(crate) fn adopt_handlers<M: 'static>(table: &mut Vec<Option<Handler<M>>>) {
    HANDLERS.with_borrow_mut(|numbers| numbers.adopt(table));
}

/// Takes the filters that wait into the instance's table.
pub(crate) fn adopt_filters<M: 'static>(table: &mut Vec<Option<Filter<M>>>) {
    FILTERS.with_borrow_mut(|numbers| numbers.adopt(table));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u32);

    impl Counter {
        fn on_one(&mut self, _event: &Event) {
            self.0 += 1;
        }

        fn on_ten(&mut self, _event: &Event) -> Verdict {
            self.0 += 10;
            Verdict::Drop
        }

        fn is_even(&self, _event: &Event) -> bool {
            self.0.is_multiple_of(2)
        }

        fn is_odd(&self, event: &Event) -> Result<bool, Error> {
            Ok(!self.is_even(event))
        }
    }

    fn call(table: &[Option<Handler<Counter>>], number: u32, counter: &mut Counter) -> Verdict {
        let event = Event::from_scalars(crate::event::Scalars::default());
        table[number as usize].as_ref().unwrap()(counter, &event).unwrap()
    }

    #[test]
    fn a_function_has_one_number_before_and_after_it_is_taken_into_the_table() {
        let mut table = Vec::new();
        let one = handler_number(Counter::on_one).unwrap();
        assert_eq!(handler_number(Counter::on_one), Ok(one));
        adopt_handlers(&mut table);
        assert_eq!(handler_number(Counter::on_one), Ok(one));
        // Named while a handler runs: the table gets it later, and the first one keeps its place.
        let ten = handler_number(Counter::on_ten).unwrap();
        assert_ne!(one, ten);
        adopt_handlers(&mut table);
        assert_eq!(table.len(), 2);
        let mut counter = Counter(0);
        assert_eq!(call(&table, ten, &mut counter), Verdict::Drop);
        assert_eq!(call(&table, one, &mut counter), Verdict::Pass);
        assert_eq!(counter.0, 11);
    }

    #[test]
    fn a_function_that_was_never_named_has_no_number() {
        fn number_of<F: 'static>(_handler: F) -> Result<u32, Error> {
            known_handler::<F>()
        }
        assert_eq!(number_of(Counter::on_one), Err(Error::BadId));
        let one = handler_number(Counter::on_one);
        assert_eq!(number_of(Counter::on_one), one);
        assert_eq!(number_of(Counter::on_ten), Err(Error::BadId));
    }

    #[test]
    fn closures_that_capture_have_a_number_each() {
        let adds = |amount: u32| move |counter: &mut Counter, _: &Event| counter.0 += amount;
        let numbers = [1, 100].map(|amount| handler_number(adds(amount)).unwrap());
        assert_ne!(numbers[0], numbers[1]);
        let mut table = Vec::new();
        adopt_handlers(&mut table);
        let mut counter = Counter(0);
        for number in [numbers[0], numbers[1], numbers[1]] {
            call(&table, number, &mut counter);
        }
        assert_eq!(counter.0, 201);
    }

    #[test]
    fn a_closure_that_captures_nothing_has_the_number_of_the_place_where_it_stands() {
        let number = || handler_number(|counter: &mut Counter, _: &Event| counter.0 += 1).unwrap();
        let first = number();
        assert_eq!(number(), first);
        assert_ne!(handler_number(|counter: &mut Counter, _: &Event| counter.0 += 1), Ok(first));
    }

    #[test]
    fn a_function_of_another_middlebox_keeps_its_number_and_no_place() {
        struct Other;
        let foreign = handler_number(|_: &mut Other, _: &Event| ()).unwrap();
        let own = handler_number(Counter::on_one).unwrap();
        let mut table: Vec<Option<Handler<Counter>>> = Vec::new();
        adopt_handlers(&mut table);
        assert!(table[foreign as usize].is_none());
        assert!(table[own as usize].is_some());
    }

    #[test]
    fn filters_have_numbers_of_their_own() {
        let handler = handler_number(Counter::on_one).unwrap();
        let [even, odd] = [filter_number(Counter::is_even).unwrap(), filter_number(Counter::is_odd).unwrap()];
        assert_eq!((handler, even, odd), (0, 0, 1));
        assert_eq!(filter_number(Counter::is_even), Ok(even));
        let mut table = Vec::new();
        adopt_filters(&mut table);
        let event = Event::from_scalars(crate::event::Scalars::default());
        let answers: Vec<bool> = table
            .iter()
            .flatten()
            .map(|filter: &Filter<Counter>| filter(&Counter(4), &event).unwrap())
            .collect();
        assert_eq!(answers, [true, false]);
    }
}
