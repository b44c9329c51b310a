//! The exchange as its users see it: the receipt computer at the folders, the person who installs
//! it, and the machine that loses power.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod program;
#[cfg(test)]
mod support;
