{{ config(materialized='view', tags=['staging']) }}
select member_id, title, started_at from {{ ref('plays') }}
