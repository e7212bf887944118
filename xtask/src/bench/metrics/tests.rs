//! What `metrics` promises.

use super::Metrics;

#[test]
fn series_of_one_name_are_added() {
    let text = "HTTP/1.1 200 OK\r\n\r\n# TYPE a_total counter\na_total{reason=\"x y\"} 2\n\
        a_total{reason=\"z\"} 3\na_total_more 50\nb 7\n";
    let metrics = Metrics(text.to_owned());
    let sums = ["a_total", "b", "c"].map(|it| metrics.sum(it).to_string());
    assert_eq!(sums, ["5", "7", "0"]);
}
