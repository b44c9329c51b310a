//! The exchange as its users see it: the receipt computer at the folders, the person who installs
//! it, and the machine that loses power.

mod crash;
mod desk;
mod logs;
mod program;
mod support;
