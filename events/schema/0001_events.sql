create table events (
	seq     bigint primary key,
	at      bigint not null,
	account text not null,
	type    text not null,
	subject text not null,
	data    text not null
);
