//! An exhaustive check of the machine itself: a few holders, a store, a lock and an authorization server, and everything
//! that can happen to them, in every order.
//!
//! A [world](world) clones its machines, so that a search can go on from every state in every way. States are told
//! apart by a [print](print) of all that decides the future. Every effect and every state is held against the
//! [promises](check), and every world that comes to [rest](quiet) is asked whether the session lives on. What may go
//! wrong is counted by a [budget](rules::Budget), which makes the space finite.
//!
//! What is too large to be searched is walked through at random: a [simulation] of many holders, by seed.
//!
//! [`mutants`] plant faults in the machine or the world and show that each is found.

mod act;
mod action;
mod check;
mod found;
mod holder;
mod mutants;
mod print;
mod quiet;
mod random;
mod rules;
mod search;
mod server;
mod simulation;
mod spaces;
mod world;
