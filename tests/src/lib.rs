//! Tests of the whole: end to end, faults and tidiness.
