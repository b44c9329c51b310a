//! The system from end to end: the real programs, asked the way facilities, insurers and operators
//! ask, on a synthetic population. Each module is one part of the interface notes
//! (`spec/oqs-interface.md`, cited as "§1.5"); each test name is a sentence that must be true.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod card_desk;
#[cfg(test)]
mod cards;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod faces;
#[cfg(test)]
mod http;
#[cfg(test)]
mod insurer_files;
#[cfg(test)]
mod intake_limits;
#[cfg(test)]
mod loadgen;
#[cfg(test)]
mod members;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod oqs_json;
#[cfg(test)]
mod oqs_xml;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod population;
#[cfg(test)]
mod question;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rolling;
#[cfg(test)]
mod shadow;
#[cfg(test)]
mod shared;
#[cfg(test)]
mod start;
#[cfg(test)]
mod v1;
