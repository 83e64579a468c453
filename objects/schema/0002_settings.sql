-- What a bucket was told beside what it does: settings that are kept to be read again.
create table objects_settings (
	bucket text not null references objects_buckets (id) on delete cascade,
	kind   text not null,
	value  text not null,
	primary key (bucket, kind)
);
