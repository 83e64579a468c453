-- When the node was deregistered last; 0: never. What joined before that may not come back by it.
alter table instances add column deregistered bigint not null default 0;

-- What was said of a node by PutAttributes, beside what it says of itself.
create table instance_attributes (
	node  text not null references instances (id),
	name  text not null,
	value text not null,
	primary key (node, name)
);
create index instance_attributes_name on instance_attributes (name);
create index instances_leaving on instances (status) where status = 'DEREGISTERING';
